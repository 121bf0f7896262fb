package etcdtest

import (
	"os"
	"runtime/pprof"
	"testing"
	"time"
)

func TestExplore(t *testing.T) {
	for i := range 4 {
		c := StartCluster(t, 3)
		cl := c.Client(t)
		cl.Put(t.Context(), "a", "1")
		l := c.Leader()
		st := time.Now()
		stop := func(m *Server) {
			st := time.Now()
			tm := time.AfterFunc(1500*time.Millisecond, func() { pprof.Lookup("goroutine").WriteTo(os.Stdout, 1) })
			m.Stop()
			tm.Stop()
			t.Log(i, m.name, "stop", time.Since(st))
		}
		stop(c.Members()[l])
		cl.Put(t.Context(), "a", "1")
		t.Log("put", time.Since(st))
		c.Members()[l].Restart()
		t.Log("restarted", time.Since(st))
		cl.Close()
		for _, m := range c.Members() {
			stop(m)
		}
		t.Log("stopped", time.Since(st))
	}
}
