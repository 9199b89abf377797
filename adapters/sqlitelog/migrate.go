package sqlitelog

import (
	"embed"
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// applicationID marks the file as one of this package (PRAGMA application_id): "chat".
const applicationID = 0x63686174

//go:embed migrations/*.sql
var migrations embed.FS

const schemaVersion = 2 // the number of the last file in migrations

// migrate applies the steps that the file lacks, in one transaction.
func migrate(c *conn) error {
	if err := c.db.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := func() error {
		id, err := c.number("PRAGMA application_id")
		if err != nil {
			return err
		}
		version, err := c.number("PRAGMA user_version")
		if err != nil {
			return err
		}
		tables, err := c.number("SELECT count(*) FROM sqlite_schema")
		switch {
		case err != nil:
			return err
		case id != applicationID && (tables > 0 || id != 0 || version != 0):
			return fmt.Errorf("the file is the database of another program")
		case version > schemaVersion:
			return fmt.Errorf("the file has version %d, and this program knows versions up to %d", version, schemaVersion)
		case version == schemaVersion:
			return nil
		}
		for v := version + 1; v <= schemaVersion; v++ {
			sql, err := migrations.ReadFile(fmt.Sprintf("migrations/%04d.sql", v))
			if err != nil {
				return err
			}
			if err := c.db.Exec(string(sql)); err != nil {
				return fmt.Errorf("step %d: %w", v, err)
			}
		}
		return c.db.Exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, schemaVersion))
	}()
	if err != nil {
		c.rollback()
		return err
	}
	return c.db.Exec("COMMIT")
}

// metaOf returns a value of the table meta, or "".
func (c *conn) metaOf(key string) (value string, err error) {
	_, err = c.one(func(s *sqlite3.Stmt) { value = s.ColumnText(0) }, "SELECT value FROM meta WHERE key = ?", key)
	return value, err
}

func (c *conn) setMeta(key, value string) error {
	_, err := c.exec("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", key, value)
	return err
}
