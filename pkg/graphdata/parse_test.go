package graphdata

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"
)

// entry is one entry of a made-up tar; a name that ends in a slash is a folder.
type entry struct {
	name, content string
	typeflag      byte
	link          string
	pax           map[string]string
}

// whole is the smallest update graph data that there is.
func whole(more ...entry) []entry {
	return append([]entry{
		{name: "version", content: "1.1.0\n"},
		{name: "channels/"},
		{name: "channels/stable-4.12.yaml", content: "name: stable-4.12\nversions: [4.12.0]\n"},
		{name: "blocked-edges/"},
	}, more...)
}

func tarOf(t *testing.T, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, e := range entries {
		h := &tar.Header{
			Typeflag: e.typeflag, Name: e.name, Linkname: e.link, Size: int64(len(e.content)), PAXRecords: e.pax,
			Mode: 0o7777, Uid: 1000 + i, Uname: "root", ModTime: time.Unix(int64(i), 0),
		}
		if e.typeflag == 0 {
			h.Typeflag = tar.TypeReg
			if strings.HasSuffix(e.name, "/") {
				h.Typeflag = tar.TypeDir
			}
		}
		if e.typeflag == tar.TypeXGlobalHeader {
			h = &tar.Header{Typeflag: e.typeflag, Name: e.name, PAXRecords: e.pax}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zip(t *testing.T, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func parse(t *testing.T, raw []byte) *Data {
	t.Helper()
	d, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// list is what a layer holds, one line an entry.
func list(t *testing.T, layer []byte) []string {
	t.Helper()
	var lines []string
	r := tar.NewReader(bytes.NewReader(layer))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%c %s %o %d/%d %s%s %d %q", h.Typeflag, h.Name, h.Mode, h.Uid, h.Gid, h.Uname, h.Gname, h.ModTime.Unix(), b))
	}
}

func TestLayerHoldsTheDataAndNothingOfItsTar(t *testing.T) {
	d := parse(t, zip(t, tarOf(t, whole(entry{name: "blocked-edges/4.12/x.yaml", content: "to: 4.12.0\n"}, entry{name: "empty/"}))))
	want := []string{
		`5 var/ 755 0/0  0 ""`,
		`5 var/lib/ 755 0/0  0 ""`,
		`5 var/lib/cincinnati-graph-data/ 755 0/0  0 ""`,
		`5 var/lib/cincinnati-graph-data/blocked-edges/ 755 0/0  0 ""`,
		`5 var/lib/cincinnati-graph-data/blocked-edges/4.12/ 755 0/0  0 ""`,
		`0 var/lib/cincinnati-graph-data/blocked-edges/4.12/x.yaml 644 0/0  0 "to: 4.12.0\n"`,
		`5 var/lib/cincinnati-graph-data/channels/ 755 0/0  0 ""`,
		`0 var/lib/cincinnati-graph-data/channels/stable-4.12.yaml 644 0/0  0 "name: stable-4.12\nversions: [4.12.0]\n"`,
		`5 var/lib/cincinnati-graph-data/empty/ 755 0/0  0 ""`,
		`0 var/lib/cincinnati-graph-data/version 644 0/0  0 "1.1.0\n"`,
	}
	if got := list(t, d.layer); !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Replicas of the update service pack the same data each in its own way.
func TestDigestDoesNotDependOnHowTheDataWasPacked(t *testing.T) {
	plain := whole(entry{name: "raw/metadata.json", content: "{}"}, entry{name: "raw/"})
	want := parse(t, zip(t, tarOf(t, plain))).Digest()
	shuffled, dotted, implied := slices.Clone(plain), []entry{{name: "./"}}, []entry{{name: "blocked-edges/"}}
	rand.New(rand.NewSource(1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for _, e := range plain {
		if !strings.HasSuffix(e.name, "/") {
			implied = append(implied, e)
		}
		e.name = "./" + e.name
		dotted = append(dotted, e)
	}
	remark := append([]entry{{name: "pax_global_header", typeflag: tar.TypeXGlobalHeader, pax: map[string]string{"comment": "731d0424"}}}, plain...)
	for name, entries := range map[string][]entry{
		"in another order": shuffled, "with ./ in front": dotted, "without entries for folders": implied, "as git packs": remark,
	} {
		t.Run(name, func(t *testing.T) {
			if got := parse(t, zip(t, tarOf(t, entries))).Digest(); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
	t.Run("with zeros behind", func(t *testing.T) {
		if got := parse(t, zip(t, append(tarOf(t, plain), make([]byte, 10240)...))).Digest(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
	t.Run("other data", func(t *testing.T) {
		if parse(t, zip(t, tarOf(t, whole()))).Digest() == want {
			t.Error("has the same digest")
		}
	})
}

func TestParseRefuses(t *testing.T) {
	good := zip(t, tarOf(t, whole()))
	flipped := slices.Clone(good)
	flipped[len(flipped)-6] ^= 1 // of the sum
	tarred := func(more ...entry) []byte { return zip(t, tarOf(t, whole(more...))) }
	long := strings.Repeat("d/", 200) + "f"
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"nothing":                      {nil, "ends too early"},
		"no gzip":                      {[]byte("<html>not here</html>"), "gzip: invalid header"},
		"a tar without gzip":           {tarOf(t, whole()), "gzip: invalid header"},
		"gzip of no tar":               {zip(t, []byte(strings.Repeat("<html>", 200))), "archive/tar: invalid tar header"},
		"cut gzip":                     {good[:len(good)-20], "ends too early"},
		"gzip cut in its sum":          {good[:len(good)-3], "ends too early"},
		"cut tar":                      {zip(t, tarOf(t, whole())[:1700]), "ends too early"},
		"wrong sum":                    {flipped, "gzip: invalid checksum"},
		"two gzip members":             {slices.Concat(good, zip(t, tarOf(t, whole(entry{name: "hidden"})))), "has something behind the end of the gzip"},
		"two tars in one gzip":         {zip(t, slices.Concat(tarOf(t, whole()), tarOf(t, whole()))), "has something behind the end of the tar"},
		"more than is read":            {make([]byte, MaxCompressed+1), "more than 33554432 bytes"},
		"empty tar":                    {zip(t, tarOf(t, nil)), "is no update graph data: has no version, no channels, no blocked-edges"},
		"no version":                   {zip(t, tarOf(t, whole()[1:])), "is no update graph data: has no version"},
		"no channels":                  {zip(t, tarOf(t, []entry{whole()[0], whole()[3]})), "is no update graph data: has no channels"},
		"empty version":                {zip(t, tarOf(t, append(whole()[1:], entry{name: "version"}))), "is no update graph data: has no version"},
		"channels that are a file":     {zip(t, tarOf(t, []entry{whole()[0], {name: "channels", content: "x"}, whole()[3]})), "is no update graph data: has no channels"},
		"everything in another folder": {zip(t, tarOf(t, []entry{{name: "g/version", content: "1"}, {name: "g/channels/"}, {name: "g/blocked-edges/"}})), "is no update graph data: has no version, no channels, no blocked-edges"},

		"a name that leads out":          {tarred(entry{name: "channels/../../etc/passwd", content: "x"}), `"channels/../../etc/passwd": leads out of the folder`},
		"a name that leads out and back": {tarred(entry{name: "channels/../x", content: "x"}), `"channels/../x": leads out of the folder`},
		"an absolute name":               {tarred(entry{name: "/etc/passwd", content: "x"}), `"/etc/passwd": leads out of the folder`},
		"a name that is bad UTF-8":       {tarred(entry{name: "a\xff"}), `"a\xff": leads out of the folder`},
		"a name that steers a terminal":  {tarred(entry{name: "a\x1b[2J"}), `"a\x1b[2J": cannot be printed`},
		"a deletion":                     {tarred(entry{name: "channels/.wh.stable-4.12.yaml"}), "channels/.wh.stable-4.12.yaml: a name that begins with .wh. means a deletion"},
		"a name that is too long":        {tarred(entry{name: long}), `"d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/"...: a name of 401 bytes, at most 255 are read`},
		"a symbolic link":                {tarred(entry{name: "channels/x", typeflag: tar.TypeSymlink, link: "/etc/shadow"}), "channels/x: is neither a file nor a folder"},
		"a hard link":                    {tarred(entry{name: "x", typeflag: tar.TypeLink, link: "version"}), "x: is neither a file nor a folder"},
		"a device":                       {tarred(entry{name: "x", typeflag: tar.TypeBlock}), "x: is neither a file nor a folder"},
		"a pipe":                         {tarred(entry{name: "x", typeflag: tar.TypeFifo}), "x: is neither a file nor a folder"},
		"a file twice":                   {tarred(entry{name: "./version", content: "2"}), "version: is there twice"},
		"a file for a folder":            {tarred(entry{name: "channels", content: "x"}), "channels: is a file and a folder"},
		"a folder for a file":            {tarred(entry{name: "version/"}), "version: is a file and a folder"},
		"a file below a file":            {tarred(entry{name: "version/x"}), "version: is a file and a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(c.raw); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// What is small and unpacks to much ends at the bound, not at the end of memory.
func TestParseRefusesBombs(t *testing.T) {
	const tooLarge = "unpacks to more than 134217728 bytes"
	zeros := strings.Repeat("\x00", 64<<20)
	var crowd []entry
	for i := range MaxEntries {
		crowd = append(crowd, entry{name: fmt.Sprintf("blocked-edges/%d", i)})
	}
	deep := []entry{}
	for i := range 3000 {
		deep = append(deep, entry{name: strings.Repeat("d/", 60) + fmt.Sprintf("%s%d/f", strings.Repeat("e/", 30), i)})
	}
	for i := range 3000 { // folders of its own on every level
		deep = append(deep, entry{name: fmt.Sprintf("%d/%sf", i, strings.Repeat("x/", 40))})
	}
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"files of zeros":         {zip(t, tarOf(t, whole(entry{name: "a", content: zeros}, entry{name: "b", content: zeros}))), tooLarge},
		"zeros behind the tar":   {zip(t, append(tarOf(t, whole()), make([]byte, MaxUnpacked)...)), tooLarge},
		"a hole":                 {zip(t, sparse(t)), tooLarge},
		"too many files":         {zip(t, tarOf(t, whole(crowd...))), "has more than 65536 files and folders"},
		"folders in folders":     {zip(t, tarOf(t, deep)), "has more than 65536 files and folders"},
		"a size that nobody has": {zip(t, huge(t)), tooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			if len(c.raw) > 2<<20 {
				t.Fatalf("%d bytes are no bomb", len(c.raw))
			}
			if _, err := Parse(c.raw); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// sparse is a tar with a file of 1 TiB that is one hole. Go's own writer makes
// no holes, so their marks are put in afterwards.
func sparse(t *testing.T) []byte {
	t.Helper()
	raw := tarOf(t, whole(entry{name: "hole", pax: map[string]string{
		"XNU.sparse.size": "1099511627776", "XNU.sparse.numblocks": "1", "XNU.sparse.map": "0,0",
	}}))
	return bytes.ReplaceAll(raw, []byte("XNU.sparse"), []byte("GNU.sparse"))
}

// huge is a tar whose last header tells of 8 EiB.
func huge(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: 1<<62 - 1, Format: tar.FormatGNU}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 512)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func FuzzParse(f *testing.F) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(make([]byte, 1024))
	w.Close()
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := Parse(raw)
		if err != nil {
			return
		}
		for _, line := range list(t, d.layer) {
			if !strings.Contains(line, " var/") || strings.Contains(line, "..") && strings.Contains(line, "/../") {
				t.Errorf("layer has %s", line)
			}
		}
	})
}
