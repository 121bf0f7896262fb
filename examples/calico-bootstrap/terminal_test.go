package main

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The line appears after a second, changes every second, and is removed; other lines are
// written above it.
func TestLiveLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var terminal bytes.Buffer
		written := func() string {
			synctest.Wait()
			defer terminal.Reset()
			return terminal.String()
		}
		l := &liveLine{terminal: &terminal, columns: func() int { return 80 }}
		began := time.Now()
		l.show(func() string { return fmt.Sprint(time.Since(began)) })
		time.Sleep(999 * time.Millisecond)
		assert.Empty(t, written(), "it does not flicker")
		time.Sleep(time.Millisecond)
		assert.Equal(t, "\r\x1b[J1s\r", written())
		time.Sleep(time.Second)
		assert.Equal(t, "\r\x1b[J2s\r", written())

		n, err := l.Write([]byte("other\n"))
		require.NoError(t, err)
		assert.Equal(t, 6, n)
		assert.Equal(t, "\r\x1b[Jother\n\r\x1b[J2s\r", written())

		l.show(func() string { return "changed" })
		time.Sleep(time.Second)
		assert.Equal(t, "\r\x1b[Jchanged\r", written())
		l.hide()
		assert.Equal(t, "\r\x1b[J", written())
		l.hide()
		time.Sleep(5 * time.Second)
		assert.Empty(t, written(), "nothing is drawn afterwards")
		_, _ = l.Write([]byte("other\n"))
		assert.Equal(t, "other\n", written())

		l.show(func() string { return "again" })
		l.hide()
		l.show(func() string { return "later" })
		time.Sleep(time.Second)
		assert.Equal(t, "\r\x1b[Jlater\r", written(), "drawn once")
		l.hide()
	})
}

func TestNoLiveLine(t *testing.T) {
	t.Parallel()
	assert.Nil(t, newLiveLine(&bytes.Buffer{}))
	file, err := os.Create(t.TempDir() + "/log")
	require.NoError(t, err)
	defer file.Close()
	assert.Nil(t, newLiveLine(file))
	var none *liveLine
	none.show(func() string { return "" })
	none.hide()
}

func TestTruncate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text    string
		columns int
		want    string
	}{
		{"waiting", 8, "waiting"}, {"waiting", 7, "waiting"}, {"waiting", 6, "waiti…"}, {"waiting", 2, "w…"}, {"waiting", 1, "…"},
		{"waiting", 0, ""}, {"waiting", -1, ""}, {"", 0, ""},
		{"für Ä", 5, "für Ä"}, {"für Ä", 4, "für…"},
		{"待つこと", 8, "待つこと"}, {"待つこと", 7, "待つこ…"}, {"待つこと", 6, "待つ…"}, {"待つこと", 5, "待つ…"}, {"待つ", 2, "…"}, {"a待", 2, "a…"},
	} {
		assert.Equal(t, tt.want, truncate(tt.text, tt.columns), "%s in %d columns", tt.text, tt.columns)
	}
}
