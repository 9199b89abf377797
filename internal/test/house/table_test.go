// Package house checks that the repository follows its plan: which package may import which, and
// how large a file, a type or the exported part of a package may be. A change of a number here
// is a change of the plan.
package house

const module = "github.com/seed-08328bfd/chat"

// layers are the packages of all modules by layer, the lowest first. Paths are those of folders;
// "/..." stands for all folders below one. A package may import packages in lines above its own,
// and packages below the same "/...". So imports go only down, and packages of one layer do not
// import each other.
var layers = [][]string{
	{"internal/lock", "internal/anon", "internal/pause", "js"},
	{"internal/proto", "internal/logging", "internal/names", "internal/origin", "internal/ws", "internal/expiry"},
	{"chatlog", "internal/forwarded", "internal/answer"},
	{"internal/claim", "internal/trace", "internal/guard", "internal/limit", "internal/fanout", "internal/object", "internal/request"},
	{"internal/consume", "internal/hook", "internal/listing", "internal/memlog", "internal/wsconn"},
	{"internal/events"},
	{"internal/stream"},
	{"internal/rooms"},
	{"internal/rules"},
	{"internal/session"},
	{"internal/server"},
	{"."},
	{"client", "chattest", "chatpage"},
	{"adapters/..."},
	{"examples/...", "bench/...", "verify/...", "interop/..."},
	{"internal/wsconf"},
	{"internal/test/..."},
}

// Sizes that a person can read in one sitting.
const (
	rootFiles    = 12 // files of the root without tests
	rootTests    = 12 // files of tests there
	fileLines    = 300
	structFields = 15
	roomsNames   = 42 // functions, types and methods that internal/rooms exports
)

// An allowance is a number over the rule, with its reason. It must be needed, and nothing may
// grow beyond it.
type allowance struct {
	most   int
	reason string
}

// longFiles may have more lines.
var longFiles = map[string]allowance{}

// largeTypes may have more fields. Structs in tests and test packages are not counted.
var largeTypes = map[string]allowance{
	"chatlog.Event":             {18, "the object of the protocol, flat as clients see it"},
	".Event":                    {19, "chatlog.Event and a Position"},
	"adapters/pglog.statements": {45, "a field per SQL statement, all set by one function and never changed"},
}
