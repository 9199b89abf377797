package sqlitelog

import (
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// errStatement is in the error of a statement of Exec.
var errStatement = errors.New("sqlitelog: a statement of the handler has failed")

var errEndedTx = errors.New("it has ended the transaction")

// tryAll calls do, and undoes what it has done if it fails.
func (t *tx) tryAll(do func() error) error {
	if _, err := t.exec("SAVEPOINT part"); err != nil {
		return err
	}
	err := do()
	if err == nil {
		_, err = t.exec("RELEASE part")
		return err
	}
	if t.db.GetAutocommit() {
		return err // all of it is undone already
	}
	_, undo := t.exec("ROLLBACK TO part")
	_, end := t.exec("RELEASE part")
	if undo != nil || end != nil {
		return errors.Join(undo, end)
	}
	return err
}

// execAll executes the statements of a handler.
func (t *tx) execAll(all []statement) error {
	for i := range all {
		if err := t.execOne(&all[i]); err != nil {
			if broken(err) || errors.Is(err, sqlite3.FULL) {
				return err // of the file
			}
			return fmt.Errorf("%w: %q: %w", errStatement, all[i].sql, err)
		}
		if t.db.GetAutocommit() {
			return fmt.Errorf("%q: %w", all[i].sql, errEndedTx)
		}
	}
	return nil
}

func (t *tx) execOne(n *statement) error {
	s, _, err := t.db.Prepare(n.sql)
	if err != nil {
		return err
	}
	if s == nil {
		return errors.New("it is empty")
	}
	defer s.Close()
	for i, a := range n.args {
		if err := bindAny(s, i+1, a); err != nil {
			return err
		}
	}
	return s.Exec()
}

// bindAny binds a value of one of the types of Exec.
func bindAny(s *sqlite3.Stmt, i int, a any) error {
	switch a := a.(type) {
	case bool:
		return s.BindBool(i, a)
	case int:
		return s.BindInt64(i, int64(a))
	case int64:
		return s.BindInt64(i, a)
	case float64:
		return s.BindFloat(i, a)
	case string:
		return s.BindText(i, a)
	case []byte:
		return s.BindBlob(i, a)
	case time.Time:
		return s.BindText(i, a.Format(time.RFC3339Nano))
	}
	return s.BindNull(i)
}
