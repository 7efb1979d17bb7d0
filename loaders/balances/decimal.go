package balances

import (
	"errors"
	"math"
)

// What is wrong with a number. The texts stand in raw.rejects.
var (
	errEmpty    = errors.New("is empty")
	errNumber   = errors.New("is no number")
	errNegative = errors.New("is negative")
	errTooFine  = errors.New("is finer than a microCCD")
	errTooLarge = errors.New("is too large: more than 2^63 microCCD")
	errBoolean  = errors.New("is neither true nor false")
	errInteger  = errors.New("is no whole number")
	errAddress  = errors.New("is no address: it holds a space, a quote or a control character")
)

// microDigits is how many decimals a CCD has.
const microDigits = 6

// parseMicro reads an amount in CCD as microCCD, exactly: plain decimals, thousands commas, exponents, spaces around.
func parseMicro(text []byte) (int64, error) { return parseScaled(text, microDigits) }

// parseWhole reads a whole number, also one written as pandas does ("2.0").
func parseWhole(text []byte) (int64, error) {
	n, err := parseScaled(text, 0)
	if errors.Is(err, errTooFine) {
		return 0, errInteger
	}
	return n, err
}

// parseScaled reads text times 10^digits as an integer.
func parseScaled(text []byte, digits int) (int64, error) {
	text = trim(text)
	if len(text) == 0 {
		return 0, errEmpty
	}
	negative := text[0] == '-'
	if negative || text[0] == '+' {
		text = text[1:]
	}
	m, err := readMantissa(text)
	if err != nil {
		return 0, err
	}
	value, err := m.shift(digits)
	if err == nil && negative && (value != 0 || m.overflow) {
		return 0, errNegative
	}
	if negative && errors.Is(err, errTooLarge) {
		return 0, errNegative
	}
	return value, err
}

// mantissa is a decimal number: value × 10^exponent.
type mantissa struct {
	value    uint64
	exponent int
	// overflow: there are more significant digits than value holds.
	overflow bool
}

// readMantissa reads digits, thousands commas, one point and an exponent.
func readMantissa(text []byte) (mantissa, error) {
	var m mantissa
	digits, point, zeros, group := 0, false, 0, -1
	i := 0
	for ; i < len(text); i++ {
		c := text[i]
		if c >= '0' && c <= '9' {
			digits++
			if group >= 0 && !point {
				group++
			}
			if point {
				m.exponent--
			}
			// Zeros are kept back until a digit follows: trailing ones make nothing finer and nothing overflow.
			if c == '0' {
				zeros++
				continue
			}
			if !m.push(zeros, c-'0') {
				m.overflow = true
			}
			zeros = 0
			continue
		}
		if c == '.' && !point {
			if group >= 0 && group != 3 {
				return m, errNumber
			}
			point = true
			continue
		}
		if c == ',' && !point && digits > 0 && (group == 3 || group < 0 && digits <= 3) {
			group = 0
			continue
		}
		break
	}
	if digits == 0 || group >= 0 && !point && group != 3 {
		return m, errNumber
	}
	m.exponent += zeros
	if i == len(text) {
		return m, nil
	}
	e, err := readExponent(text[i:])
	m.exponent += e
	return m, err
}

// push appends the zeros kept back and a digit.
func (m *mantissa) push(zeros int, digit byte) bool {
	if m.overflow {
		return false
	}
	if m.value == 0 {
		m.value = uint64(digit)
		return true
	}
	for range zeros + 1 {
		if m.value > math.MaxUint64/10 {
			return false
		}
		m.value *= 10
	}
	if m.value > math.MaxUint64-uint64(digit) {
		return false
	}
	m.value += uint64(digit)
	return true
}

func readExponent(text []byte) (int, error) {
	if (text[0] != 'e' && text[0] != 'E') || len(text) < 2 {
		return 0, errNumber
	}
	text = text[1:]
	negative := text[0] == '-'
	if negative || text[0] == '+' {
		text = text[1:]
	}
	if len(text) == 0 {
		return 0, errNumber
	}
	e := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, errNumber
		}
		// Beyond this every number is zero, too fine or too large.
		e = min(e*10+int(c-'0'), 1_000_000)
	}
	if negative {
		e = -e
	}
	return e, nil
}

// shift gives value × 10^(exponent + digits) as an integer.
func (m mantissa) shift(digits int) (int64, error) {
	if m.overflow {
		// 20 significant digits: too fine when they reach below the unit, else too large.
		if m.exponent+digits < 0 {
			return 0, errTooFine
		}
		return 0, errTooLarge
	}
	if m.value == 0 {
		return 0, nil
	}
	value, e := m.value, m.exponent+digits
	for ; e < 0; e++ {
		if value%10 != 0 {
			return 0, errTooFine
		}
		value /= 10
	}
	for ; e > 0; e-- {
		if value > math.MaxInt64/10 {
			return 0, errTooLarge
		}
		value *= 10
	}
	if value > math.MaxInt64 {
		return 0, errTooLarge
	}
	return int64(value), nil
}

// parseBool reads what pandas and people write; empty is unknown (-1).
func parseBool(text []byte) (int8, error) {
	switch string(trim(text)) {
	case "":
		return unknown, nil
	case "True", "true", "TRUE", "1", "1.0":
		return 1, nil
	case "False", "false", "FALSE", "0", "0.0":
		return 0, nil
	}
	return 0, errBoolean
}

// unknown is a boolean that is not given.
const unknown int8 = -1

// normalDecimal writes a decimal number as exact text: no exponent, no commas, no zeros that say nothing. Zero is "".
func normalDecimal(text []byte) (string, error) {
	text = trim(text)
	if len(text) == 0 {
		return "", nil
	}
	if text[0] == '-' {
		return "", errNegative
	}
	whole, fraction := []byte{}, []byte{}
	point, seen, i := false, false, 0
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case c >= '0' && c <= '9' && point:
			fraction, seen = append(fraction, c), true
		case c >= '0' && c <= '9':
			whole, seen = append(whole, c), true
		case c == '.' && !point:
			point = true
		case c == ',' && !point && seen:
		default:
			e, err := readExponent(text[i:])
			if err != nil || !seen || e > 400 || e < -400 {
				return "", errNumber
			}
			whole, fraction = shiftPoint(whole, fraction, e)
			i = len(text)
		}
	}
	if !seen {
		return "", errNumber
	}
	for len(whole) > 0 && whole[0] == '0' {
		whole = whole[1:]
	}
	for len(fraction) > 0 && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	switch {
	case len(whole) == 0 && len(fraction) == 0:
		return "", nil
	case len(fraction) == 0:
		return string(whole), nil
	case len(whole) == 0:
		return "0." + string(fraction), nil
	}
	return string(whole) + "." + string(fraction), nil
}

func shiftPoint(whole, fraction []byte, e int) ([]byte, []byte) {
	for ; e > 0; e-- {
		if len(fraction) == 0 {
			whole = append(whole, '0')
			continue
		}
		whole, fraction = append(whole, fraction[0]), fraction[1:]
	}
	for ; e < 0; e++ {
		last := byte('0')
		if len(whole) > 0 {
			last, whole = whole[len(whole)-1], whole[:len(whole)-1]
		}
		fraction = append([]byte{last}, fraction...)
	}
	return whole, fraction
}

func trim(text []byte) []byte {
	for len(text) > 0 && (text[0] == ' ' || text[0] == '\t') {
		text = text[1:]
	}
	for len(text) > 0 && (text[len(text)-1] == ' ' || text[len(text)-1] == '\t') {
		text = text[:len(text)-1]
	}
	return text
}
