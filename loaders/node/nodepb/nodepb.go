// Package nodepb is generated from the .proto files beside it by `make proto`: the part of a Concordium node's interface
// that is asked.
package nodepb
