package balances

import (
	"encoding/csv"
	"errors"
	"math/big"
	"strings"
	"testing"
)

func TestParseMicro(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		err  error
	}{
		{"0", 0, nil}, {"0.0", 0, nil}, {"18.54", 18540000, nil}, {"1e-06", 1, nil}, {"1E+3", 1000000000, nil}, {"246,170.39", 246170390000, nil},
		{"1,234,567.000001", 1234567000001, nil}, {" 5.5 ", 5500000, nil}, {"+2", 2000000, nil}, {"-0.0", 0, nil}, {".5", 500000, nil}, {"5.", 5000000, nil},
		{"9223372036854.775807", 9223372036854775807, nil}, {"1.10000000000000000000000", 1100000, nil}, {"0.00000100e0", 1, nil}, {"1500e-2", 15000000, nil},
		{"9223372036854.775808", 0, errTooLarge}, {"1e13", 0, errTooLarge}, {"123456789012345678901234567890", 0, errTooLarge},
		{"0.0000001", 0, errTooFine}, {"1e-7", 0, errTooFine}, {"1.00000000000000000000001", 0, errTooFine}, {"1e-999999999999", 0, errTooFine},
		{"-1", 0, errNegative}, {"-1e30", 0, errNegative}, {"", 0, errEmpty}, {"  ", 0, errEmpty},
		{"x", 0, errNumber}, {"nan", 0, errNumber}, {"inf", 0, errNumber}, {"1.2.3", 0, errNumber}, {"1,23", 0, errNumber}, {"12,3456", 0, errNumber}, {"1234,567", 0, errNumber},
		{"1e", 0, errNumber}, {"1e+", 0, errNumber}, {"--1", 0, errNumber}, {"1 2", 0, errNumber}, {",1", 0, errNumber}, {".", 0, errNumber}, {"1.5,000", 0, errNumber},
	} {
		got, err := parseMicro([]byte(c.text))
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%q: got %d, %v, want %d, %v", c.text, got, err, c.want, c.err)
		}
	}
}

// FuzzDecimal compares with math/big.
func FuzzDecimal(f *testing.F) {
	for _, seed := range []string{"0.0", "18.54", "1e-06", "9223372036854.775807", "1.0000001", "123456789012345678901e-20"} {
		f.Add(seed)
	}
	million := new(big.Rat).SetInt64(1_000_000)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseMicro([]byte(text))
		if strings.ContainsAny(text, ",_xXpPbBoO/ \t") || len(text) > 60 || strings.Contains(text, "e1000") {
			return
		}
		want, ok := new(big.Rat).SetString(text)
		if !ok || strings.ContainsAny(text, "iInN") {
			if err == nil && !strings.HasSuffix(text, ".") {
				t.Fatalf("%q: got %d where math/big reads nothing", text, got)
			}
			return
		}
		want.Mul(want, million)
		fits := want.IsInt() && want.Sign() >= 0 && want.Num().IsInt64()
		if fits != (err == nil) || fits && want.Num().Int64() != got {
			t.Fatalf("%q: got %d, %v, want %s", text, got, err, want)
		}
	})
}

// FuzzRecords compares with encoding/csv on what both take.
func FuzzRecords(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "\"a\"\"\",\"x\ny\"\r\n1,2\n", ",\n\n,,\n", "a\"b,c\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := newRecords([]byte(text))
		if err != nil {
			return
		}
		var got [][]string
		for {
			more, err := lines.next()
			if err != nil {
				return
			}
			if !more {
				break
			}
			var row []string
			for _, field := range lines.fields {
				row = append(row, string(field))
			}
			got = append(got, row)
		}
		reader := csv.NewReader(strings.NewReader(text))
		reader.FieldsPerRecord = -1
		want, err := reader.ReadAll()
		// encoding/csv folds \r\n within quotes; quotes within bare fields are an error there.
		if err != nil || strings.Contains(text, "\r") || strings.HasPrefix(text, "\ufeff") {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%q: got %q, want %q", text, got, want)
		}
		for i := range want {
			if strings.Join(got[i], "\x01") != strings.Join(want[i], "\x01") {
				t.Fatalf("%q: row %d: got %q, want %q", text, i, got[i], want[i])
			}
		}
	})
}

func TestNormalDecimal(t *testing.T) {
	for text, want := range map[string]string{"": "", "0": "", "0.000": "", "1,000.50": "1000.5", "1e3": "1000", "1e-3": "0.001", "007": "7", ".5": "0.5", "123e-2": "1.23"} {
		if got, err := normalDecimal([]byte(text)); got != want || err != nil {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"x", "-1", "1e999", "."} {
		if got, err := normalDecimal([]byte(text)); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
}
