//go:build !unix

package buildcache

import "context"

// lock does nothing. If two processes build the same program, the later result is kept.
func lock(context.Context, string) (unlock func(), err error) {
	return func() {}, nil
}
