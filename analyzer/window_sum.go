package analyzer

// rateSum is Rates under way: where the accepted count comes from is decided
// at the end of a span.
type rateSum struct {
	Rates
	requests, success int64
}

// hourSum is what one whole hour of a service comes to, kept until one of its
// minutes changes, so that a month costs its hours and not its minutes.
type hourSum struct {
	in, out int64 // refused requests that nothing explained yet, before and after
	rateSum
}

func hourOf(minute int64) int64 {
	h := minute / 60
	if minute < 0 && minute%60 != 0 {
		h--
	}
	return h
}

// sum adds the minutes [from, to) to r. open is how many refused requests of
// the minute before nothing explains yet; it returns those of the last one.
func (sr *series) sum(r *rateSum, from, to, open int64) int64 {
	for m := max(from, sr.first); m < to && m <= sr.last; {
		if m%60 == 0 && m+60 <= to && m+59 <= sr.last {
			h := sr.hour(hourOf(m), open)
			r.add(&h.rateSum)
			open = h.out
			m += 60
			continue
		}
		open = r.minute(sr.minutes[m], open)
		m++
	}
	return open
}

// hour sums a whole hour up.
func (sr *series) hour(h, open int64) *hourSum {
	if have := sr.hours[h]; have != nil && have.in == open {
		return have
	}
	s := &hourSum{in: open, out: open}
	for m := h * 60; m < h*60+60; m++ {
		s.out = s.minute(sr.minutes[m], s.out)
	}
	if sr.hours == nil {
		sr.hours = map[int64]*hourSum{}
	}
	sr.hours[h] = s
	return s
}

// minute adds one minute, which may be nil, and returns how many of its
// refused requests nothing explains yet.
func (r *rateSum) minute(t *tally, open int64) int64 {
	if t == nil {
		return r.unexplained(open)
	}
	r.Seen += t.seen
	r.Accepted += t.accepted
	r.success += t.success
	r.requests += t.accepted + t.request
	told := t.tell(&r.Rates)
	before := min(open, told)
	r.unexplained(open - before)
	r.Refused += told
	return t.request - min(t.request, told-before)
}

func (r *rateSum) add(o *rateSum) {
	r.Seen += o.Seen
	r.Accepted += o.Accepted
	r.Refused += o.Refused
	r.success += o.success
	r.requests += o.requests
	for reason, n := range o.Reasons {
		r.count(reason, n)
	}
}

// count adds n failures of a reason.
func (r *Rates) count(reason Reason, n int64) {
	if r.Reasons == nil {
		r.Reasons = map[Reason]int64{}
	}
	r.Reasons[reason] += n
}
