package sqlitelog_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
)

// A disk is a file system of SQLite over that of the operating system. It can refuse, and it
// knows what a failure of the power would leave of its files.
type disk struct {
	vfs.VFSFilename
	name string

	writeError, syncError atomic.Value // of *error
	syncs                 atomic.Int64 // of write-ahead logs
	left                  atomic.Int64 // writes until all fail

	mu    sync.Mutex
	files map[string]*platter // guarded by mu
}

// A platter is what is sure to be on the disk of one file, and what is not.
type platter struct {
	synced  []byte
	pending []func([]byte) []byte
}

var disks atomic.Int64

func newDisk(t testing.TB) *disk {
	d := &disk{VFSFilename: vfs.Find("os").(vfs.VFSFilename), name: fmt.Sprint("disk", disks.Add(1)), files: map[string]*platter{}}
	d.refuse(nil, nil)
	d.breakAfter(1 << 30)
	vfs.Register(d.name, d)
	t.Cleanup(func() { vfs.Unregister(d.name) })
	return d
}

// on returns the option for a file on this disk.
func (d *disk) on() sqlitelog.Option { return sqlitelog.WithParams("vfs=" + d.name) }

// refuse has writes and syncs fail from now on, or succeed again with nil.
func (d *disk) refuse(writes, syncs error) {
	d.writeError.Store(&writes)
	d.syncError.Store(&syncs)
}

// breakAfter has all writes fail after so many more.
func (d *disk) breakAfter(writes int) { d.left.Store(int64(writes)) }

// writable returns the error of a write.
func (d *disk) writable() error {
	if d.left.Add(-1) < 0 {
		return broken
	}
	return *d.writeError.Load().(*error)
}

func (d *disk) Open(string, vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	return nil, 0, errors.New("not used")
}

func (d *disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := d.VFSFilename.OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.files[name.String()]
	if p == nil {
		p = &platter{}
		d.files[name.String()] = p
	}
	return &file{f, d, p, flags&vfs.OPEN_WAL != 0}, flags, nil
}

func (d *disk) Delete(name string, syncDir bool) error {
	d.mu.Lock()
	delete(d.files, name)
	d.mu.Unlock()
	return d.VFSFilename.Delete(name, syncDir)
}

// after writes into folder what a failure of the power leaves of the files: what was synced,
// and of the rest each write with the probability kept.
func (d *disk) after(t testing.TB, rng *rand.Rand, kept float64, folder string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, p := range d.files {
		b := append([]byte(nil), p.synced...)
		for _, do := range p.pending {
			if rng.Float64() < kept {
				b = do(b)
			}
		}
		if err := os.WriteFile(filepath.Join(folder, filepath.Base(name)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

type file struct {
	vfs.File
	disk    *disk
	platter *platter
	wal     bool
}

func (f *file) SharedMemory() vfs.SharedMemory {
	if s, ok := f.File.(vfs.FileSharedMemory); ok {
		return s.SharedMemory()
	}
	return nil
}

func (f *file) WriteAt(b []byte, at int64) (int, error) {
	if err := f.disk.writable(); err != nil {
		return 0, err
	}
	f.pend(func(old []byte) []byte {
		if n := int(at) + len(b); n > len(old) {
			old = append(old, make([]byte, n-len(old))...)
		}
		copy(old[at:], b)
		return old
	}, &b)
	return f.File.WriteAt(b, at)
}

func (f *file) Truncate(size int64) error {
	if err := f.disk.writable(); err != nil {
		return err
	}
	f.pend(func(old []byte) []byte { return old[:min(int(size), len(old))] }, nil)
	return f.File.Truncate(size)
}

func (f *file) pend(do func([]byte) []byte, b *[]byte) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if b != nil {
		*b = append([]byte(nil), *b...) // SQLite uses its memory again
	}
	f.platter.pending = append(f.platter.pending, do)
}

func (f *file) Sync(flags vfs.SyncFlag) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := *f.disk.syncError.Load().(*error); err != nil {
		f.platter.pending = nil // Linux does not try again to write what it could not
		return err
	}
	if f.wal {
		f.disk.syncs.Add(1)
	}
	for _, do := range f.platter.pending {
		f.platter.synced = do(f.platter.synced)
	}
	f.platter.pending = nil
	return nil // the operating system need not sync for this
}

var _ io.WriterAt = (*file)(nil)

// The errors of a full disk, of one that was made read-only, and of a broken one.
var (
	diskFull = error(sqlite3.FULL)
	readOnly = error(sqlite3.READONLY)
	broken   = error(sqlite3.IOERR)
)
