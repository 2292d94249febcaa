package e2e

import (
	"context"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"drayage/test/content"
	"drayage/test/faults"
	"drayage/test/registry"
)

// terminal is a program on a terminal of its own.
type terminal struct {
	cmd   *exec.Cmd
	tty   *os.File
	out   strings.Builder // everything that was written to it
	wait  func()
	lines chan string // what was written, cut where the cursor goes back to the left
}

// onTerminal starts a program on a terminal with so many columns.
func onTerminal(t *testing.T, columns uint16, dir, program string, args ...string) *terminal {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	p := &terminal{cmd: command(ctx, dir, program, args...), lines: make(chan string, 1<<16)}
	p.cmd.Env = append(p.cmd.Env, "TERM=xterm")
	var err error
	p.tty, err = pty.StartWithSize(p.cmd, &pty.Winsize{Rows: 24, Cols: columns})
	check(t, err)
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(p.lines)
		p.read()
	}()
	p.wait = func() { <-read; _ = p.cmd.Wait(); cancel() }
	t.Cleanup(func() { cancel(); p.wait(); p.tty.Close() })
	return p
}

// read takes what is written until the program has let go of the terminal: Linux
// ends that with EIO.
func (p *terminal) read() {
	rest, buf := "", make([]byte, 4096)
	for {
		n, err := p.tty.Read(buf)
		p.out.Write(buf[:n])
		rest += string(buf[:n])
		for i := strings.IndexAny(rest, "\r\n"); i >= 0; i = strings.IndexAny(rest, "\r\n") {
			p.lines <- strings.ReplaceAll(rest[:i], "\x1b[K", "")
			rest = rest[i+1:]
		}
		if err != nil {
			p.lines <- strings.ReplaceAll(rest, "\x1b[K", "")
			return
		}
	}
}

// all waits for the end, and is what was written, line by line.
func (p *terminal) all() []string {
	var all []string
	for line := range p.lines {
		all = append(all, line)
	}
	p.wait()
	return all
}

// screen is what stands on the terminal in the end.
func (p *terminal) screen() []string {
	var rows []string
	for row := range strings.SplitSeq(strings.ReplaceAll(p.out.String(), "\r\n", "\n"), "\n") {
		rows = append(rows, strings.ReplaceAll(row[strings.LastIndex(row, "\r")+1:], "\x1b[K", ""))
	}
	return rows
}

// slowWorld is a source that gives each blob slowly.
func slowWorld(t *testing.T) (dir string) {
	t.Helper()
	src := registry.StartT(t, registry.Options{})
	filled, err := content.Fill(t.Context(), src.Addr(), content.Options{Size: 12 << 20, Incompressible: true})
	check(t, err)
	proxy, err := faults.Start(src.Addr(), faults.Rule{PathRegexp: "/blobs/", Fault: faults.Throttle(640 << 10)})
	check(t, err)
	t.Cleanup(func() { proxy.Close() })
	return connected(t, proxy.Addr(), filled)
}

// On a terminal one bar stands over all bytes, with their number from its first
// moment; it fits, and it is gone when the result stands there.
func TestBarOnATerminal(t *testing.T) {
	dir := slowWorld(t)
	wide := regexp.MustCompile(`^write +(\d+)% \[[= ]+\] (\S+) of (\S+)  (\S+|--)  (\S+ left|finishing)$`)
	for columns, shape := range map[uint16]*regexp.Regexp{100: wide, 40: regexp.MustCompile(`^write +(\d+)%  (\S+|--)  (\S+ left|finishing)$`)} {
		check(t, os.RemoveAll(dir+"/site.tar"))
		p := onTerminal(t, columns, dir, "bundle", "build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "site.tar")
		bars := slices.DeleteFunc(p.all(), func(line string) bool { return !strings.HasPrefix(line, "write ") })
		if code := p.cmd.ProcessState.ExitCode(); code != 0 || len(bars) < 4 {
			t.Fatalf("%d columns: exit code %d, %d bars:\n%s", columns, code, len(bars), p.out.String())
		}
		states, sizes := map[string]bool{}, map[string]bool{}
		for _, bar := range bars {
			m := shape.FindStringSubmatch(bar)
			if len(m) == 0 || len(bar) >= int(columns) {
				t.Fatalf("%d columns, a bar of %d: %q", columns, len(bar), bar)
			}
			states[m[1]] = true
			if shape == wide {
				sizes[m[3]] = true
			}
		}
		if len(states) < 3 || shape == wide && len(sizes) != 1 || !strings.HasPrefix(bars[0], "write   0%") {
			t.Errorf("%d columns: %d states, sizes %v, the first bar %q", columns, len(states), sizes, bars[0])
		}
		rows := p.screen()
		if i := slices.IndexFunc(rows, func(row string) bool { return strings.HasPrefix(row, "write ") }); i >= 0 {
			t.Errorf("%d columns: a bar stays: %q", columns, rows[i])
		}
		if !slices.ContainsFunc(rows, func(row string) bool { return strings.HasPrefix(row, "root") }) {
			t.Errorf("%d columns: no root on the screen: %q", columns, rows)
		}
	}
}

// ^C on a terminal takes the bar away, and says what is kept; the same command
// goes on from there.
func TestCancelOnATerminal(t *testing.T) {
	dir := slowWorld(t)
	args := []string{"build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "site.tar"}
	p := onTerminal(t, 100, dir, "bundle", args...)
	for line := range p.lines {
		if done := regexp.MustCompile(`^write +(1[5-9]|[2-9]\d)%`); done.MatchString(line) {
			_, err := io.WriteString(p.tty, "\x03")
			check(t, err)
			break
		}
	}
	p.all()
	rows := strings.Join(p.screen(), "\n")
	if code := p.cmd.ProcessState.ExitCode(); code != 130 || !regexp.MustCompile(`(?m)^(\^C)?bundle: cancelled\nhint: site.tar.partial keeps \S+ of \S+; the same command goes on from there\n$`).MatchString(rows) {
		t.Fatalf("exit code %d, on the screen:\n%s", code, rows)
	}
	p = onTerminal(t, 100, dir, "bundle", args...)
	p.all()
	if code, rows := p.cmd.ProcessState.ExitCode(), strings.Join(p.screen(), "\n"); code != 0 || !strings.Contains(rows, "are there from an earlier run") {
		t.Errorf("again: exit code %d, on the screen:\n%s", code, rows)
	}
}
