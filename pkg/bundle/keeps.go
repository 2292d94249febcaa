package bundle

import "errors"

// Keeps says of an error that ended a build before [Unfinished.Write] what that
// says of its own: that an earlier run's work is kept, if it is worth it.
func (u *Unfinished) Keeps(err error) error {
	if err == nil || u.done || u.file == nil || errors.As(err, new(*UnfinishedError)) {
		return err
	}
	return u.explain(err, u.journal.size)
}
