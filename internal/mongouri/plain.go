package mongouri

import (
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"
)

// plain is what an error says, without what the driver tells of itself: of a server that was not found in time, who was
// asked and what came of it.
func plain(err error) string {
	var selection topology.ServerSelectionError
	if !errors.As(err, &selection) || len(selection.Desc.Servers) == 0 {
		return err.Error()
	}
	var list []string
	for _, server := range selection.Desc.Servers {
		why := "it did not answer in time"
		if server.LastError != nil {
			why = innermost(server.LastError).Error()
		}
		if address := server.Addr.String(); !strings.Contains(why, address) {
			why = address + ": " + why
		}
		list = append(list, why)
	}
	return fmt.Sprintf("no server answers (%s)", strings.Join(list, "; "))
}

// innermost is what the operating system or the server said.
func innermost(err error) error {
	var connection topology.ConnectionError
	for errors.As(err, &connection) && connection.Wrapped != nil {
		err = connection.Wrapped
	}
	return err
}
