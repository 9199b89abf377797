//go:build linux

package report

import (
	"debug/buildinfo"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seed-08328bfd/chat/bench/internal/proc"
	"github.com/seed-08328bfd/chat/bench/internal/run"
)

type column struct {
	title  string
	of     func(*run.Result) float64
	format string
}

var flowColumns = []column{
	{"CPU µs", (*run.Result).CPU, "%.2f"},
	{"user", func(r *run.Result) float64 { return r.User }, "%.2f"},
	{"system", func(r *run.Result) float64 { return r.System }, "%.2f"},
	{"deliveries/s", func(r *run.Result) float64 { return r.Rate }, "%.0f"},
	{"of those due", func(r *run.Result) float64 { return 100 * r.Share }, "%.1f %%"},
	{"p50 ms", func(r *run.Result) float64 { return r.P50 }, "%.2f"},
	{"p99 ms", func(r *run.Result) float64 { return r.P99 }, "%.1f"},
	{"max ms", func(r *run.Result) float64 { return r.Max }, "%.0f"},
	{"RSS MiB", func(r *run.Result) float64 { return r.RSS }, "%.0f"},
	{"lost", func(r *run.Result) float64 { return float64(r.Lost) }, "%.0f"},
}

var byteColumn = column{"bytes each", func(r *run.Result) float64 { return r.Bytes }, "%.0f"}

var idleColumns = []column{
	{"RSS KB", func(r *run.Result) float64 { return r.RSSConn }, "%.1f"},
	{"live heap KB", func(r *run.Result) float64 { return r.Heap }, "%.1f"},
	{"stacks KB", func(r *run.Result) float64 { return r.Stack }, "%.1f"},
	{"CPU, % of one processor", func(r *run.Result) float64 { return r.Idle }, "%.2f"},
	{"joins/s", func(r *run.Result) float64 { return r.Joins }, "%.0f"},
	{"CPU µs a join", func(r *run.Result) float64 { return r.JoinCPU }, "%.0f"},
}

// manyColumns are the costs of a user, and then those of a delivery.
var manyColumns = slices.Concat(idleColumns[:3], idleColumns[4:], flowColumns[:1], flowColumns[3:8], flowColumns[9:])

// Tables writes one table per case.
func Tables(w io.Writer, cases []run.Case, rs Results) error {
	var b strings.Builder
	for i := range cases {
		rs.table(&b, &cases[i])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (rs Results) table(b *strings.Builder, c *run.Case) {
	columns := flowColumns
	switch c.Sort {
	case run.Idle:
		columns = idleColumns
	case run.Many:
		columns = manyColumns
	case run.Deflate:
		columns = append([]column{byteColumn}, flowColumns...)
	}
	floor := c.Sort == run.Flow && slices.ContainsFunc(c.Peers, func(p run.Peer) bool { return p.Kind == "floor" })
	fmt.Fprintf(b, "### %s\n\n`-case %s`. %s\n\n| server |", c.Title, c.Name, c.Note)
	for i, col := range columns {
		fmt.Fprintf(b, " %s |", col.title)
		if i == 0 && floor {
			b.WriteString(" × floor |")
		}
	}
	fmt.Fprintf(b, "\n|---|%s\n", strings.Repeat("---:|", len(columns)+map[bool]int{true: 1}[floor]))
	for _, p := range c.Peers {
		fmt.Fprintf(b, "| %s |", p.Name)
		for i, col := range columns {
			b.WriteString(" " + rs.cell(c.Name, p.Name, col) + " |")
			if i == 0 && floor {
				b.WriteString(" " + ratioCell(rs.ratio(c.Name, p.Name, "floor")) + " |")
			}
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	for _, p := range c.Peers {
		for _, e := range rs[key{c.Name, p.Name}] {
			if e.err != nil {
				reason, _, _ := strings.Cut(e.err.Error(), "\n")
				fmt.Fprintf(b, "A run failed: %s\n\n", reason)
			}
		}
	}
}

func (rs Results) cell(name, peer string, col column) string {
	v, ok := rs.median(name, peer, col.of)
	if !ok {
		return "–"
	}
	return fmt.Sprintf(col.format, v)
}

func ratioCell(v float64, ok bool) string {
	if !ok {
		return "–"
	}
	return fmt.Sprintf("%.2f", v)
}

// Page writes the whole RESULTS.md. binary is the server's binary, for the versions.
func Page(w io.Writer, cases []run.Case, rs Results, command, binary string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Results\n\nWritten by `%s`, which ran each case on each server in turn. [README.md](README.md) says what "+
		"is measured and how to read it.\n\n", command)
	fmt.Fprintf(&b, "Machine: %s. The load generator ran on the same machine.\n\nVersions: %s.\n\n", proc.Machine(), versions(binary))
	b.WriteString("![Processor time per delivery](results.svg)\n\n")
	rs.summary(&b, cases)
	b.WriteString("## Every case\n\nMedians over the runs. CPU is the server's processor time per delivery.\n\n")
	for i := range cases {
		rs.table(&b, &cases[i])
	}
	_, err := io.WriteString(w, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}

// summary compares chat with the floor and the best of the others. A peer that
// lost connections or messages is not the best, however little it used.
func (rs Results) summary(b *strings.Builder, cases []run.Case) {
	b.WriteString("## chat beside the best of the others\n\nProcessor time of the server per delivery in µs. Ratios are medians of the " +
		"ratios within each round; below 1 chat uses less. Peers that lost more than 3 % of the messages, or connections, do not count.\n\n")
	b.WriteString("| case | chat | floor | × floor | best other | its CPU | × best | chat p99 ms | its p99 ms |\n|---|---:|---:|---:|---|---:|---:|---:|---:|\n")
	p99 := flowColumns[6]
	for i := range cases {
		c := &cases[i]
		best, ok := rs.best(c)
		if c.Sort != run.Flow && c.Sort != run.Many || !ok {
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", c.Title,
			rs.cell(c.Name, "chat", flowColumns[0]), rs.cell(c.Name, "floor", flowColumns[0]),
			ratioCell(rs.ratio(c.Name, "chat", "floor")), best, rs.cell(c.Name, best, flowColumns[0]),
			ratioCell(rs.ratio(c.Name, "chat", best)), rs.cell(c.Name, "chat", p99), rs.cell(c.Name, best, p99))
	}
	b.WriteByte('\n')
}

// versions returns the versions of the peers in a binary.
func versions(binary string) string {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "unknown"
	}
	var vs []string
	for _, d := range info.Deps {
		switch d.Path {
		case "github.com/gorilla/websocket", "github.com/olahol/melody", "github.com/lxzan/gws",
			"github.com/centrifugal/centrifuge", "nhooyr.io/websocket":
			vs = append(vs, d.Path+" "+d.Version)
		}
	}
	return strings.Join(vs, ", ")
}
