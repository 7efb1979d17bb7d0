package machine

import "testing"

func TestNetworkDisks(t *testing.T) {
	if name, err := NetworkDisk(t.TempDir()); name != "" || err != nil {
		t.Errorf("the temporary folder: %q %v", name, err)
	}
	for kind, want := range map[uint32]string{0x6969: "NFS", 0xff534d42: "SMB", 0xfe534d42: "SMB", 0x01021997: "9P", 0xef53: "", 0x01021994: ""} {
		if got := networkName(kind); got != want {
			t.Errorf("%#x: %q, want %q", kind, got, want)
		}
	}
	if _, err := NetworkDisk("/nowhere"); err == nil {
		t.Error("a folder that is not there: no error")
	}
}
