//go:build linux

package report

import (
	"fmt"
	"html"
	"strings"

	"github.com/seed-08328bfd/chat/bench/internal/run"
)

// The chart is a grid of panels. There is one panel per case, and one bar per server.
const (
	panelWidth  = 360
	panelHeight = 236
	panelsWide  = 2
	barHeight   = 18
	barGap      = 8
	labelWidth  = 76
	valueWidth  = 64
	titleHeight = 44
)

// charted are the cases in the chart.
var charted = []string{"1x1000", "1x200", "100w64", "500x2", "1x10000", "idle"}

// Chart returns an SVG picture of the main cases.
func Chart(cases []run.Case, rs Results) []byte {
	var panels []string
	for _, name := range charted {
		for i := range cases {
			if c := &cases[i]; c.Name == name {
				panels = append(panels, rs.panel(c))
			}
		}
	}
	rows := (len(panels) + panelsWide - 1) / panelsWide
	width, height := panelsWide*panelWidth+20, rows*panelHeight+50
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12" role="img">`+"\n",
		width, height, width, height)
	b.WriteString("<title>What each server uses: less is better</title>\n")
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	b.WriteString(`<text x="20" y="26" font-size="15" font-weight="bold" fill="#111">What each server uses: shorter is better</text>` + "\n")
	for i, p := range panels {
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`+"\n%s</g>\n", 20+i%panelsWide*panelWidth, 40+i/panelsWide*panelHeight, p)
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func (rs Results) panel(c *run.Case) string {
	of, unit, format := (*run.Result).CPU, "CPU µs per delivery", "%.2f"
	if c.Sort == run.Idle {
		of, unit, format = func(r *run.Result) float64 { return r.RSSConn }, "RSS KB per connection", "%.1f"
	}
	most := 0.0
	for _, p := range c.Peers {
		v, _ := rs.median(c.Name, p.Name, of)
		most = max(most, v)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<text y="16" font-weight="bold" fill="#111">%s</text>`+"\n", html.EscapeString(c.Title))
	fmt.Fprintf(&b, `<text y="32" fill="#555">%s</text>`+"\n", unit)
	room := float64(panelWidth - 20 - labelWidth - valueWidth)
	for i, p := range c.Peers {
		y := titleHeight + i*(barHeight+barGap)
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#111">%s</text>`+"\n", labelWidth-6, y+13, html.EscapeString(p.Name))
		v, ok := rs.median(c.Name, p.Name, of)
		if !ok {
			fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#555">failed</text>`+"\n", labelWidth, y+13)
			continue
		}
		fill, note := "#8aa1b4", ""
		switch p.Kind {
		case "chat":
			fill = "#1f6feb"
		case "floor":
			fill = "#c9d1d9"
		}
		if c.Sort == run.Flow && !rs.kept(c, p.Name) {
			note = " (lossy)"
		}
		w := max(1, room*v/max(most, 1e-9))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", labelWidth, y, w, barHeight, fill)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" fill="#111">`+format+`%s</text>`+"\n", labelWidth+w+4, y+13, v, note)
	}
	return b.String()
}
