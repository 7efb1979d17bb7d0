package mongouri

import (
	"errors"
	"strings"
	"testing"

	"github.com/ccdexplorer/nightrunner/engine"
)

func TestSecretsOfAURIAreNotShown(t *testing.T) {
	for _, uri := range []string{"mongodb://u:a%20Secret@h/?tls=true", "mongodb://h/?tlsCertificateKeyFile=f&tlsCertificateKeyFilePassword=aSecret", "mongodb://u:Secret@h%zz/"} {
		if text := Redact(uri); strings.Contains(text, "Secret") {
			t.Errorf("%s is shown as %s", uri, text)
		}
		for _, said := range []string{"a Secret", "a%20Secret", "a+Secret", "aSecret"} {
			if text := WithoutSecret(errors.New("dial "+uri+" with "+said), uri); strings.Contains(text, "Secret") && strings.Contains(uri, strings.ReplaceAll(said, " ", "%20")) {
				t.Errorf("%s: %s", uri, text)
			}
		}
	}
}

func TestAWrongURIIsToldWithTheFlag(t *testing.T) {
	_, err := Connect("mongodb://u:Secret@h/?w=-1", "export")
	if err == nil || strings.Contains(err.Error(), "Secret") || engine.HintOf(err) != "--export mongodb://HOST:PORT/?options" {
		t.Errorf("%v (%s)", err, engine.HintOf(err))
	}
}
