package analyzer

import (
	"slices"
	"time"
)

// A fact is one thing that the evidence may show about a complaint, with the
// words that say so to a person. Facts know nothing of causes; causes are
// told apart by which facts hold.
type fact struct {
	name   string
	signal signal
	ask    func(*complaint) (answer, string)
}

// signal is the kind of evidence that a fact rests on. Two facts of different
// kinds are independent; two of one kind may be the same observation twice.
type signal string

const (
	signalText       signal = "text"       // what entries say beyond their reason
	signalTime       signal = "time"       // when failures began, how they went on
	signalPopulation signal = "population" // who is affected and who is not
	signalChange     signal = "change"     // what altered the world
	signalProbe      signal = "probe"      // what a probe saw beside the fault itself
)

// answer is whether a fact holds. Unknown: nothing that could tell was seen.
type answer int8

const (
	unknown answer = iota
	no
	yes
)

// truth turns a comparison whose data are there into an answer.
func truth(holds bool) answer {
	if holds {
		return yes
	}
	return no
}

// when is truth with words, which are put together only if it holds: most facts
// of most complaints do not.
func when(holds bool, words func() string) (answer, string) {
	if !holds {
		return no, ""
	}
	return yes, words()
}

// told is what a fact said, and what it was read from beside the complaint's
// own entries: a change, or the traffic of another service.
type told struct {
	answer answer
	words  string
	rests  []rest
}

// rest is one thing that a fact was read from; only is false when another
// would have done as well.
type rest struct {
	what string
	only bool
}

// tell asks a fact once and remembers the answer.
func (c *complaint) tell(f *fact) told {
	t, known := c.told[f]
	if !known {
		c.told[f] = told{} // a fact that asks for itself learns nothing
		outer := c.cited
		c.cited = nil
		a, words := f.ask(c)
		t = told{a, words, c.cited}
		c.told[f], c.cited = t, outer
	}
	for _, r := range t.rests {
		c.cite(r)
	}
	return t
}

// cite notes what the fact that is being asked rests on.
func (c *complaint) cite(r rest) {
	if !slices.Contains(c.cited, r) {
		c.cited = append(c.cited, r)
	}
}

// on cites a change and returns it.
func (c *complaint) on(x *Change) *Change {
	if x != nil {
		c.cite(rest{x.ref(), true})
	}
	return x
}

// seek returns the latest of the changes that lies in (from, until] and is of
// one of the kinds, and cites it; it is spare when there is another.
func (c *complaint) seek(list []*Change, from, until time.Time, keep func(*Change) bool, kinds ...ChangeKind) *Change {
	x := last(list, from, until, keep, kinds...)
	if x == nil {
		return nil
	}
	spare := last(list, from, until, func(o *Change) bool { return o != x && (keep == nil || keep(o)) }, kinds...)
	c.cite(rest{x.ref(), spare == nil})
	return x
}

func (c *complaint) holds(f *fact) bool { return c.tell(f).answer == yes }

// negate is a fact that holds when f is known not to.
func negate(f *fact, name string, words string) *fact {
	return &fact{name, f.signal, func(c *complaint) (answer, string) {
		switch c.tell(f).answer {
		case yes:
			return no, ""
		case no:
			return yes, words
		}
		return unknown, ""
	}}
}
