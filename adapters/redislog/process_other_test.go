//go:build !linux

package redislog_test

import "syscall"

func attributes() *syscall.SysProcAttr { return nil }
