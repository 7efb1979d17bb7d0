package console

// paint marks what people read: bold and dim, which dark and light themes keep readable, and red for what is wrong. The zero
// value leaves all as it is.
type paint bool

const (
	codeBold  = "\x1b[1m"
	codeDim   = "\x1b[2m"
	codeRed   = "\x1b[31m"
	codeReset = "\x1b[0m"
)

func (p paint) on() bool { return bool(p) }

func (p paint) with(code, s string) string {
	if !p || s == "" {
		return s
	}
	return code + s + codeReset
}

func (p paint) dim(s string) string   { return p.with(codeDim, s) }
func (p paint) bold(s string) string  { return p.with(codeBold, s) }
func (p paint) wrong(s string) string { return p.with(codeBold+codeRed, s) }
