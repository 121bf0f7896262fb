//go:build !linux

package main

import "os"

// peak returns 0, unknown: other systems use other units or don't count.
func peak(*os.ProcessState) int64 { return 0 }
