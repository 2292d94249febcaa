package strictyaml

import (
	"io"
	"os"
)

// ReadFile reads a file for Decode: at most one byte more than [MaxSize], so that
// Decode sees when there is too much. An error names the file.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxSize+1))
}
