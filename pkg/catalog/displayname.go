package catalog

import (
	"bytes"
	"slices"
)

// displayName is what the value of a property olm.csv.metadata says.
func displayName(value []byte) string {
	var name string
	if all, err := members(value); err == nil {
		decodeMember(value, all, "displayName", &name)
	}
	return name
}

// displayNameYAML is, of the properties of a bundle, the one that tells the
// display name, with nothing else in it, in the form of [propertiesYAML]: all of it
// is long, and YAML is slow to read. It is none where the name does not stand in the one
// line in which it mostly does.
func displayNameYAML(doc []byte) [][]byte {
	block, ok := blockYAML(doc, "properties:")
	if !ok {
		return nil
	}
	indent := block[:len(block)-len(bytes.TrimLeft(block, " "))]
	parts := bytes.Split(append([]byte("\n"), block...), slices.Concat([]byte("\n"), indent, []byte("- ")))
	for _, part := range parts[1:] {
		if typeYAML(part, indent) != propertyCSV {
			continue
		}
		_, rest, found := bytes.Cut(part, slices.Concat([]byte("\n"), indent, []byte("    displayName: ")))
		name, _, whole := bytes.Cut(rest, []byte("\n"))
		if !found || !whole || bytes.ContainsAny(name[:min(len(name), 1)], "|>&*!") {
			return nil
		}
		return [][]byte{slices.Concat([]byte("- type: "+propertyCSV+"\n  value:\n    displayName: "), name, []byte("\n"))}
	}
	return nil
}
