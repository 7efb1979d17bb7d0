//go:build !linux

package machine

// NetworkDisk cannot tell here.
func NetworkDisk(string) (string, error) { return "", nil }
