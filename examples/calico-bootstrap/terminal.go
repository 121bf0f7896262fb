package main

import (
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
	"golang.org/x/text/width"
)

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	file, is := w.(*os.File)
	return is && term.IsTerminal(int(file.Fd()))
}

// takesControls reports whether w is a terminal that control sequences may be written to:
// colours, and those that redraw a line.
func takesControls(w io.Writer) bool {
	name := os.Getenv("TERM")
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && name != "" && name != "dumb" && runtime.GOOS != "windows"
}

// liveLine is the last line of a terminal while a run waits. It is redrawn every second,
// and removed afterwards. Everything else that is written to the terminal goes through
// Write. A nil liveLine shows nothing. It is safe for concurrent use.
type liveLine struct {
	terminal io.Writer
	columns  func() int // width of the terminal

	mu    sync.Mutex
	text  func() string // nil: hidden
	drawn bool
	done  chan struct{} // closed to end the goroutine that redraws
}

// newLiveLine returns a hidden liveLine, or nil if w is not a terminal that it can use.
func newLiveLine(w io.Writer) *liveLine {
	if !takesControls(w) {
		return nil
	}
	return &liveLine{terminal: w, columns: func() int {
		columns, _, err := term.GetSize(int(w.(*os.File).Fd()))
		if err != nil || columns <= 0 {
			return 80
		}
		return columns
	}}
}

// show shows a text. A hidden line appears only after a second, so that it does not flicker
// in a run that does not wait.
func (l *liveLine) show(text func() string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	hidden := l.text == nil
	l.text = text
	if hidden {
		l.done = make(chan struct{})
		go l.redraw(l.done)
	}
}

// hide removes the line.
func (l *liveLine) hide() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text != nil {
		close(l.done)
		l.text = nil
	}
	l.clear()
}

func (l *liveLine) redraw(done <-chan struct{}) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-done:
			return
		case <-second.C:
			l.mu.Lock()
			select {
			case <-done: // hidden in the meantime
			default:
				l.draw()
			}
			l.mu.Unlock()
		}
	}
}

// Write writes other lines above the line.
func (l *liveLine) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	drawn := l.drawn
	l.clear()
	n, err := l.terminal.Write(data)
	if drawn {
		l.draw()
	}
	return n, err
}

// eraseLine moves the cursor to the first column and erases everything after it.
const eraseLine = "\r\x1b[J"

// draw leaves the cursor in the first column: a terminal that is made narrower wraps the
// line, and the cursor stays at its begin. So eraseLine erases all of it, and also what a
// terminal shows for Ctrl-C.
func (l *liveLine) draw() {
	_, _ = io.WriteString(l.terminal, eraseLine+truncate(l.text(), l.columns()-1)+"\r")
	l.drawn = true
}

func (l *liveLine) clear() {
	if l.drawn {
		_, _ = io.WriteString(l.terminal, eraseLine)
		l.drawn = false
	}
}

// truncate returns the text, or its begin and "…" if it takes more columns.
func truncate(text string, columns int) string {
	used, end := 0, 0 // end: of what fits before the "…"
	for i, r := range text {
		if used < columns {
			end = i
		}
		used++
		if kind := width.LookupRune(r).Kind(); kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
			used++
		}
		if used > columns {
			return text[:end] + strings.Repeat("…", min(1, max(columns, 0)))
		}
	}
	return text
}
