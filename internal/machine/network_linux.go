package machine

import "golang.org/x/sys/unix"

// NetworkDisk is the name of the network file system that a folder is on, "" for a local one. Locks of such file systems
// may not hold between machines, or not at all.
func NetworkDisk(dir string) (string, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return "", err
	}
	// The kind is an int of 32 or 64 bits, and some numbers are negative in 32.
	return networkName(uint32(stat.Type)), nil //nolint:gosec // as said
}

// networkName knows the numbers of statfs(2).
func networkName(kind uint32) string {
	switch kind {
	case unix.NFS_SUPER_MAGIC:
		return "NFS"
	case unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC:
		return "SMB"
	case unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC:
		return "AFS"
	case unix.CODA_SUPER_MAGIC:
		return "Coda"
	case unix.V9FS_MAGIC:
		return "9P"
	}
	return ""
}
