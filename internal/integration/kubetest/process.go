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
	// stopTimeout is how long a process may take to exit after an interrupt.
	stopTimeout = 20 * time.Second

	// tailLength is how many bytes of a log an error has.
	tailLength = 4000
)

// process is a running program. Its output goes to a file.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has exited and err is set
	err  error
}

// launch starts a program in a folder, which also gets its log.
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
	// The tests' environment is not passed on, as etcd reads settings from it and its
	// proxies must not be used for loopback.
	p.cmd.Env = []string{"HOME=" + folder, "TMPDIR=" + folder}
	dieWithParent(p.cmd)

	started := make(chan error)
	go func() {
		// With Pdeathsig, Linux kills the child when the thread exits that started it,
		// so the thread is locked.
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

// kill kills the process and waits until it has exited.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error means that it has exited
	<-p.done
}

// stop interrupts the process and waits until it has exited. It kills the process after
// stopTimeout.
func (p *process) stop() {
	if err := p.cmd.Process.Signal(os.Interrupt); err == nil {
		timer := time.NewTimer(stopTimeout)
		defer timer.Stop()
		select {
		case <-p.done:
		case <-timer.C:
		}
	}
	p.kill()
}

// await waits until check returns nil. It returns an error with the end of the process's
// log if the process exits or the time limit is over.
func (p *process) await(limit time.Duration, check func() error) error {
	last := errors.New("not checked")
	for end := time.Now().Add(limit); time.Now().Before(end); {
		select {
		case <-p.done:
			return p.failure(fmt.Errorf("%s exited unexpectedly: %w", p.name, errors.Join(p.err, last)))
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

// tail returns the last complete lines of a text.
func tail(text []byte) []byte {
	text = bytes.TrimSpace(text)
	if len(text) <= tailLength {
		return text
	}
	text = text[len(text)-tailLength:]
	if _, rest, found := bytes.Cut(text, []byte("\n")); found {
		return rest
	}
	return text
}
