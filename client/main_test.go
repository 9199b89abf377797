package client_test

import (
	"testing"

	"github.com/seed-08328bfd/chat/internal/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
