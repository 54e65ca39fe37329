package deploy

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// dashboard is a Grafana dashboard, as far as we look at it.
type dashboard struct {
	UID        string `json:"uid"`
	ID         *int   `json:"id"`
	Title      string `json:"title"`
	Templating struct {
		List []struct {
			Name       string          `json:"name"`
			Type       string          `json:"type"`
			Query      json.RawMessage `json:"query"`
			Datasource *datasource     `json:"datasource"`
		} `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type panel struct {
	ID          int         `json:"id"`
	Type        string      `json:"type"`
	Title       string      `json:"title"`
	Description string      `json:"description"`
	Datasource  *datasource `json:"datasource"`
	GridPos     struct{ H, W, X, Y int }
	FieldConfig struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Targets []struct {
		RefID      string      `json:"refId"`
		Expr       string      `json:"expr"`
		Legend     string      `json:"legendFormat"`
		Datasource *datasource `json:"datasource"`
	} `json:"targets"`
}

func theDashboard(t *testing.T) dashboard {
	t.Helper()
	data, err := Dashboard()
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func dashboardUID(t *testing.T) string { return theDashboard(t).UID }

// TestDashboardLint holds the dashboard to the rules of Grafana's own linter
// for mixins, and to ours: everything is explained and has a unit.
func TestDashboardLint(t *testing.T) {
	d := theDashboard(t)
	if d.UID == "" || d.ID != nil || d.Title == "" {
		t.Errorf("uid %q, id %v, title %q; want a uid, no id, a title", d.UID, d.ID, d.Title)
	}
	vars := map[string]string{}
	for _, v := range d.Templating.List {
		vars[v.Name] = v.Type
		if v.Type == "query" && (v.Datasource == nil || v.Datasource.UID != "${datasource}") {
			t.Errorf("variable %s does not ask $datasource", v.Name)
		}
	}
	for name, kind := range map[string]string{"datasource": "datasource", "environment": "query", "service": "query"} {
		if vars[name] != kind {
			t.Errorf("variable %s is of type %q; want %q", name, vars[name], kind)
		}
	}
	ids, titles, filled := map[int]bool{}, map[string]bool{}, map[[2]int]string{}
	rangeVector := regexp.MustCompile(`\[(\$?\w+)\]`)
	for _, p := range d.Panels {
		if ids[p.ID] || titles[p.Title] {
			t.Errorf("panel %d %q: id or title is taken", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if before := filled[[2]int{x, y}]; before != "" || x >= 24 {
					t.Fatalf("panel %q lies over %q or beyond the edge", p.Title, before)
				}
				filled[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("panel %q: description %q, unit %q, %d queries; want all", p.Title, p.Description, p.FieldConfig.Defaults.Unit, len(p.Targets))
		}
		if p.Datasource == nil || p.Datasource.UID != "${datasource}" || p.Datasource.Type != "prometheus" {
			t.Errorf("panel %q has a data source of its own", p.Title)
		}
		for _, q := range p.Targets {
			if q.Datasource == nil || q.Datasource.UID != "${datasource}" {
				t.Errorf("panel %q: query %s has a data source of its own", p.Title, q.RefID)
			}
			for _, m := range rangeVector.FindAllStringSubmatch(q.Expr, -1) {
				if !strings.HasPrefix(m[1], "$__") {
					t.Errorf("panel %q: range %s; want $__rate_interval or $__range", p.Title, m[1])
				}
			}
			if strings.Contains(q.Expr, "why401_auth_") && (!strings.Contains(q.Expr, "$service") || !strings.Contains(q.Expr, "$environment")) {
				t.Errorf("panel %q: query %s does not follow the variables", p.Title, q.RefID)
			}
			if p.Type != "table" && q.Legend == "" {
				t.Errorf("panel %q: query %s has no legend", p.Title, q.RefID)
			}
		}
	}
	if len(ids) < 20 {
		t.Errorf("%d panels; want 20 or more", len(ids))
	}
}
