package access

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// maxPassword is where bcrypt stops to read, in bytes.
const maxPassword = 72

// NewPassword makes a password of 26 letters and digits.
func NewPassword() string { return rand.Text() }

// longPassword is where nobody guesses a password from its hash, however fast the
// hash is to compute, if it was not chosen by a person: in bytes.
const longPassword = 20

// cost is what one look at a password costs. A registry looks at it anew for each
// request, and one push makes thousands: for a password that is long, as those
// that are made here, the hash is a fast one.
func cost(password string) int {
	if len(password) >= longPassword {
		return bcrypt.MinCost
	}
	return bcrypt.DefaultCost
}

// HTPasswd makes the line of an htpasswd file, with bcrypt, the only hash that
// CNCF distribution takes. It is another line each time.
func HTPasswd(user, password string) ([]byte, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost(password))
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s:%s\n", user, hash), nil
}

// ParsePassword takes a password out of a file's content: one line.
func ParsePassword(raw []byte) (string, error) {
	password := strings.TrimRight(string(raw), "\r\n")
	switch {
	case password == "":
		return "", errors.New("is empty")
	case len(password) > maxPassword:
		return "", fmt.Errorf("%d bytes, a password has at most %d", len(password), maxPassword)
	case strings.ContainsFunc(password, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", errors.New("is more than one line of text")
	}
	return password, nil
}

// checkHTPasswd tells what is wrong with an htpasswd file for this user.
func checkHTPasswd(raw []byte, user, password string) error {
	for line := range bytes.Lines(raw) {
		name, hash, found := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		if !found || string(name) != user {
			continue
		}
		switch err := bcrypt.CompareHashAndPassword(hash, []byte(password)); {
		case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
			return fmt.Errorf("has another password for %s than the file of the password", user)
		case err != nil:
			return fmt.Errorf("the entry of %s: %w", user, err)
		}
		return nil
	}
	return fmt.Errorf("has no entry of %s", user)
}
