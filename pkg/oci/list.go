package oci

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

const (
	// maxListed bounds the names of one list. A release has 200 tags, a site a
	// few hundred repositories.
	maxListed = 100_000
	// maxPage bounds one page of a list, in bytes.
	maxPage = 8 << 20
)

// nextPage is the Link header of a list that goes on.
var nextPage = regexp.MustCompile(`^\s*<([^>]*)>\s*;\s*rel="?next"?`)

// Repositories lists the repositories of a host, in the host's order; r.Path
// does not matter. Not every registry allows that. At most 100,000 names are
// read; more are an error.
func (c *Client) Repositories(ctx context.Context, r Repository) ([]string, error) {
	r.Path = ""
	return c.list(ctx, r, "/v2/_catalog", func(raw []byte) ([]string, error) {
		var page struct{ Repositories []string }
		err := json.Unmarshal(raw, &page)
		return page.Repositories, err
	})
}

// Tags lists the tags of a repository, in the registry's order; none when there
// is no such repository. At most 100,000 names are read; more are an error.
func (c *Client) Tags(ctx context.Context, r Repository) ([]string, error) {
	all, err := c.list(ctx, r, "/v2/"+r.Path+"/tags/list", func(raw []byte) ([]string, error) {
		var page struct{ Tags []string }
		err := json.Unmarshal(raw, &page)
		return page.Tags, err
	})
	if NotFound(err) {
		return nil, nil
	}
	return all, err
}

func (c *Client) list(ctx context.Context, r Repository, path string, read func([]byte) ([]string, error)) ([]string, error) {
	var all []string
	// How many names come at once is left to the registry: one that allows fewer
	// than it is asked for refuses to answer.
	query := ""
	for last := ""; ; {
		var raw []byte
		var next string
		err := c.retry(ctx, func() (err error) {
			raw, next, err = c.page(ctx, r, &url.URL{Path: path, RawQuery: query})
			return err
		})
		if err != nil {
			return nil, err
		}
		names, err := read(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", r.Host, strings.TrimPrefix(path, "/v2/"), err)
		}
		all = append(all, names...)
		if len(all) > maxListed {
			return nil, fmt.Errorf("%s: %s: more than %d names", r.Host, strings.TrimPrefix(path, "/v2/"), maxListed)
		}
		if next == "" || len(names) == 0 || names[len(names)-1] == last { // a list that does not go on
			return all, nil
		}
		last, query = names[len(names)-1], next
	}
}

// page reads one page and returns the query of the next one.
func (c *Client) page(ctx context.Context, r Repository, u *url.URL) (raw []byte, next string, err error) {
	resp, err := c.do(ctx, r, actionsPull, &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}, http.StatusOK)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	raw, err = io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
	if err == nil && len(raw) > maxPage {
		err = fmt.Errorf("%s: %s: a page of it has more than %d bytes", r.Host, strings.TrimPrefix(u.Path, "/v2/"), maxPage)
	}
	if m := nextPage.FindStringSubmatch(resp.Header.Get("Link")); m != nil {
		if at, bad := url.Parse(m[1]); bad == nil {
			next = at.RawQuery
		}
	}
	return raw, next, err
}
