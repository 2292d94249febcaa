package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Finding is one thing about the cluster or an object that a person should know.
type Finding struct {
	// Object is Kind/name or Kind/namespace/name, or the server's address.
	Object string `json:"object"`
	// Field is a path inside the object; it may be empty.
	Field string `json:"field,omitempty"`
	Found string `json:"found"`
	// Do is what to do about it.
	Do string `json:"do,omitempty"`
	// Warning findings do not keep objects from being applied.
	Warning bool `json:"warning,omitempty"`
}

// String is one line: "object: field: what was found; what to do".
func (f Finding) String() string {
	line := f.Object
	if f.Field != "" {
		line += ": " + f.Field
	}
	line += ": " + strings.Join(strings.Fields(f.Found), " ")
	if f.Do != "" {
		line += "; " + f.Do
	}
	return line
}

// FindingsError is one or more findings that are no warnings.
type FindingsError struct{ Findings []Finding }

// Error has a line for each finding.
func (e *FindingsError) Error() string {
	var lines []string
	for _, f := range e.Findings {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// asError is nil when all are warnings.
func asError(findings []Finding) error {
	var hard []Finding
	for _, f := range findings {
		if !f.Warning {
			hard = append(hard, f)
		}
	}
	if len(hard) == 0 {
		return nil
	}
	return &FindingsError{hard}
}

// inOrder puts errors before warnings, and takes doubles out.
func inOrder(findings []Finding) []Finding {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		if a.Warning != b.Warning {
			if a.Warning {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.Object, b.Object)
	})
	var kept []Finding
	for _, f := range findings {
		if !slices.Contains(kept, f) {
			kept = append(kept, f)
		}
	}
	return kept
}

// refusal turns the server's answer about an object into findings. It has none
// for an error that is no answer.
func refusal(o Object, err error) []Finding {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return nil
	}
	s := status.Status()
	switch {
	case apierrors.IsUnauthorized(err):
		return []Finding{{Object: o.String(), Found: "401 Unauthorized", Do: loginAgain}}
	case apierrors.IsForbidden(err):
		return []Finding{{Object: o.String(), Found: "403 " + s.Message, Do: "use an account with the right, or have it granted"}}
	case apierrors.IsConflict(err) && s.Details != nil && len(s.Details.Causes) > 0:
		return conflicts(o, s.Details.Causes)
	case apierrors.IsInvalid(err) && s.Details != nil && len(s.Details.Causes) > 0:
		return invalid(o, s.Details.Causes)
	case isUnknownResource(err):
		return []Finding{{Object: o.String(), Field: "kind", Found: "the cluster knows no " + o.Kind + " of " + kinds[o.Kind].apiVersion(),
			Do: whenUnknown(o)}}
	}
	return []Finding{{Object: o.String(), Found: fmt.Sprintf("%d %s", s.Code, s.Message), Do: "mend the object; nothing of it was written"}}
}

const loginAgain = "log in again: the kubeconfig's credentials are not accepted"

// isUnknownResource tells a kind that is not there from an object that is not.
func isUnknownResource(err error) bool {
	var status apierrors.APIStatus
	if !apierrors.IsNotFound(err) || !errors.As(err, &status) {
		return false
	}
	d := status.Status().Details
	return d == nil || d.Name == "" || strings.Contains(status.Status().Message, "could not find the requested resource")
}

// conflicts names the manager and the field of each conflict.
func conflicts(o Object, causes []metav1.StatusCause) []Finding {
	do := "leave the field to its manager, or take it over with --force-conflicts"
	if o.everybodys() || o.neverForce {
		do = "settle with that manager who has the field"
	}
	var findings []Finding
	for _, c := range causes {
		findings = append(findings, Finding{Object: o.String(), Field: strings.TrimPrefix(c.Field, "."),
			Found: managerOf(c.Message), Do: do})
	}
	return findings
}

// managerOf reads `conflict with "admin" using config.openshift.io/v1`.
func managerOf(message string) string {
	rest, ok := strings.CutPrefix(message, "conflict with ")
	if !ok {
		return message
	}
	name, _, _ := strings.Cut(rest, " using ")
	return "is held with another value by " + name
}

func invalid(o Object, causes []metav1.StatusCause) []Finding {
	var findings []Finding
	for _, c := range causes {
		findings = append(findings, Finding{Object: o.String(), Field: c.Field, Found: c.Message,
			Do: "mend the object; the server does not take it"})
	}
	return findings
}
