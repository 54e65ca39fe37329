package analyzer

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

type told struct {
	answer answer
	words  string
}

// tell asks a fact once and remembers the answer.
func (c *complaint) tell(f *fact) told {
	if t, ok := c.told[f]; ok {
		return t
	}
	c.told[f] = told{} // a fact that asks for itself learns nothing
	a, words := f.ask(c)
	t := told{a, words}
	c.told[f] = t
	return t
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
