package sqlitelog

import (
	"errors"

	"github.com/ncruces/go-sqlite3"
)

// A conn is one connection to the file with its prepared statements. One goroutine uses it at
// any time.
type conn struct {
	db    *sqlite3.Conn
	stmts map[string]*sqlite3.Stmt
}

func dial(uri string, pragmas string) (*conn, error) {
	db, err := sqlite3.OpenFlags(uri, sqlite3.OPEN_READWRITE|sqlite3.OPEN_CREATE|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	if err := db.Exec(pragmas); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &conn{db, map[string]*sqlite3.Stmt{}}, nil
}

func (c *conn) close() error {
	for _, s := range c.stmts {
		s.Close()
	}
	return c.db.Close()
}

// query returns the statement sql with args bound: int64, string, []byte as text, bool, or
// nil. The caller steps and resets it.
func (c *conn) query(sql string, args ...any) (*sqlite3.Stmt, error) {
	s := c.stmts[sql]
	if s == nil {
		var err error
		if s, _, err = c.db.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT); err != nil {
			return nil, err
		}
		c.stmts[sql] = s
	}
	for i, a := range args {
		var err error
		switch a := a.(type) {
		case int64:
			err = s.BindInt64(i+1, a)
		case string:
			err = s.BindText(i+1, a)
		case []byte:
			if err = s.BindNull(i + 1); len(a) > 0 {
				err = s.BindRawText(i+1, a)
			}
		case bool:
			err = s.BindBool(i+1, a)
		default:
			err = s.BindNull(i + 1)
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// exec runs sql, which returns no rows, and returns how many rows it has changed.
func (c *conn) exec(sql string, args ...any) (int64, error) {
	s, err := c.query(sql, args...)
	if err != nil {
		return 0, err
	}
	if err := s.Exec(); err != nil {
		return 0, err
	}
	return c.db.Changes(), nil
}

// each calls f for each row of sql.
func (c *conn) each(f func(*sqlite3.Stmt), sql string, args ...any) error {
	s, err := c.query(sql, args...)
	if err != nil {
		return err
	}
	for s.Step() {
		f(s)
	}
	err = s.Err()
	return errors.Join(err, s.Reset())
}

// one calls f for the first row of sql, and reports whether there was one.
func (c *conn) one(f func(*sqlite3.Stmt), sql string, args ...any) (ok bool, err error) {
	s, err := c.query(sql, args...)
	if err != nil {
		return false, err
	}
	if ok = s.Step(); ok {
		f(s)
	}
	err = s.Err()
	return ok, errors.Join(err, s.Reset())
}

// number returns the number in the first row of sql, or 0 if there is none.
func (c *conn) number(sql string, args ...any) (n int64, err error) {
	_, err = c.one(func(s *sqlite3.Stmt) { n = s.ColumnInt64(0) }, sql, args...)
	return n, err
}

// rollback ends a transaction, if one has not ended by itself.
func (c *conn) rollback() error {
	if c.db.GetAutocommit() {
		return nil
	}
	_, err := c.exec("ROLLBACK")
	return err
}
