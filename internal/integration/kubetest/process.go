package kubetest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const (
	// goingTime is how long a process may take to end after it was asked to.
	goingTime = 20 * time.Second

	// tailLength is how much of a log stands in an error.
	tailLength = 4000
)

// process is a running program. Its output goes to a file.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended and err is set
	err  error
}

// launch starts a program in a folder, in which it also logs.
func launch(folder, program string, args ...string) (*process, error) {
	name := strings.TrimSuffix(filepath.Base(program), ".exe")
	p := &process{name: name, log: filepath.Join(folder, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p.cmd = exec.Command(program, args...)
	p.cmd.Dir = folder
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// Nothing of the tests' environment: etcd takes settings from there, and a
	// proxy named there is none for loopback.
	p.cmd.Env = []string{"HOME=" + folder, "TMPDIR=" + folder}
	dieWithParent(p.cmd)

	started := make(chan error)
	go func() {
		// Linux ends the child when the thread ends that started it, not
		// only with the process. So the thread is kept.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// kill ends the process without notice, and waits until it has ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error says that it has ended
	<-p.done
}

// stop asks the process to end, and waits until it has.
func (p *process) stop() {
	if err := p.cmd.Process.Signal(os.Interrupt); err == nil {
		timer := time.NewTimer(goingTime)
		defer timer.Stop()
		select {
		case <-p.done:
		case <-timer.C:
		}
	}
	p.kill()
}

// await waits until check gives no error. It gives up when the process ends or
// the time is over; the error then holds the end of the process's log.
func (p *process) await(limit time.Duration, check func() error) error {
	last := errors.New("not asked yet")
	for end := time.Now().Add(limit); time.Now().Before(end); {
		select {
		case <-p.done:
			return p.failure(fmt.Errorf("%s ended by itself: %w", p.name, errors.Join(p.err, last)))
		case <-time.After(readyStep):
		}
		if last = check(); last == nil {
			return nil
		}
	}
	return p.failure(fmt.Errorf("%s is not ready after %s: %w", p.name, limit, last))
}

func (p *process) failure(err error) error {
	log, readErr := os.ReadFile(p.log)
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	return fmt.Errorf("%w; the end of its log:\n%s", err, tail(log))
}

// tail returns the last whole lines of a text.
func tail(text []byte) []byte {
	text = bytes.TrimSpace(text)
	if len(text) <= tailLength {
		return text
	}
	text = text[len(text)-tailLength:]
	if _, whole, found := bytes.Cut(text, []byte("\n")); found {
		return whole
	}
	return text
}
