package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// foreignKey is one, by the numbers that the engine gives.
type foreignKey struct{ from, to, number string }

// checkReferences compares the references that lead nowhere: pruning must not
// make any. Those that source has already are not ours to judge, and neither are
// keys that are defined so that the engine cannot follow them.
func (p *pruning) checkReferences(ctx context.Context) error {
	broken, errBroken := p.brokenReferences(ctx, "main")
	if errBroken == nil && len(broken) == 0 {
		return nil
	}
	before, errBefore := p.brokenReferences(ctx, "source")
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errBroken != nil && errBefore != nil:
		return nil
	case errBroken != nil || errBefore != nil:
		return fmt.Errorf("references: %w", errors.Join(errBroken, errBefore))
	}
	return newlyBroken(broken, before)
}

// brokenReferences counts the rows of each reference that have no counterpart.
func (p *pruning) brokenReferences(ctx context.Context, schema string) (map[foreignKey]int, error) {
	broken := map[foreignKey]int{}
	err := p.rows(ctx, "PRAGMA "+schema+".foreign_key_check", func(row []string) error { // table, row, parent, number
		broken[foreignKey{row[0], row[2], row[3]}]++
		return nil
	})
	return broken, err
}

func newlyBroken(broken, before map[foreignKey]int) error {
	var f findings
	for _, r := range slices.SortedFunc(maps.Keys(broken), foreignKey.compare) {
		if n := broken[r] - before[r]; n > 0 {
			f.add("table %q: pruned, %d references to table %q would lead nowhere", r.from, n, r.to)
		}
	}
	return errors.Join(f.errs...)
}

func (r foreignKey) compare(o foreignKey) int {
	return cmp.Or(cmp.Compare(r.from, o.from), cmp.Compare(r.to, o.to), cmp.Compare(r.number, o.number))
}
