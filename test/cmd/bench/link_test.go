package main

import (
	"io"
	"net"
	"testing"
	"time"
)

func TestLinkKeepsToItsRate(t *testing.T) {
	const rate, n = 40 * megabyte, 12 * megabyte
	got, err := throughput(rate, n)
	if err != nil {
		t.Fatal(err)
	}
	// What connections hold by themselves goes by at once: a few megabytes.
	if got > rate*13/10 {
		t.Errorf("%d bytes a second, want at most %d and a little", got, rate)
	}
}

func TestLinkWithoutLimitIsFarFasterThanAnyThatIsMeasured(t *testing.T) {
	got, err := throughput(0, 100*megabyte)
	if err != nil {
		t.Fatal(err)
	}
	if got < nodeRate { // on a busy machine; several times as much on a quiet one
		t.Errorf("%d bytes a second, want %d at least", got, nodeRate)
	}
}

func TestLinkPassesWhatIsSmallAtOnceAndBothWays(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	k, err := newLink(l.Addr().String(), slowRate)
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	near, err := net.Dial("tcp", k.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	for _, c := range []net.Conn{near, far} {
		c.SetDeadline(time.Now().Add(10 * time.Second))
	}
	for i, way := range [][2]net.Conn{{near, far}, {far, near}} {
		if _, err := way[0].Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 5)
		if _, err := io.ReadFull(way[1], b); err != nil || string(b) != "hello" {
			t.Errorf("way %d: %q, %v", i, b, err)
		}
	}
}

func TestPaceOfManyIsThatOfOne(t *testing.T) {
	p := pace{rate: 1000 * megabyte}
	start := time.Now()
	done := make(chan bool)
	for range 4 {
		go func() {
			for range 10 {
				p.take(5 * megabyte)
			}
			done <- true
		}()
	}
	for range 4 {
		<-done
	}
	if took := time.Since(start); took < 200*time.Millisecond-slack {
		t.Errorf("200 MB went by in %s, want 200ms at least", took)
	}
}
