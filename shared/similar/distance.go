package similar

// editDistance computes the distance of a text to a longer and longer name, in half steps: the cost of the insertions, deletions,
// replacements and exchanges of neighbours that make one of the other (optimal string alignment).
type editDistance struct {
	text []byte
	rows [4][MaxTextLen + 1]uint16 // rows[n%3][i] is the distance of the first i letters to the first n of the name; rows[3] is that for n = 0
	n    int                       // how many letters of the name were added
	last byte
}

func newEditDistance(text []byte) *editDistance {
	d := &editDistance{text: text}
	for i := range text {
		d.rows[3][i+1] = d.rows[3][i] + costAt(i)
	}
	d.reset()
	return d
}

// reset removes the letters that were added.
func (d *editDistance) reset() {
	d.n = 0
	copy(d.rows[0][:len(d.text)+1], d.rows[3][:])
}

// costAt returns the cost of an edit at a position of the text or the name.
func costAt(i int) uint16 {
	if i == 0 {
		return firstEditCost
	}
	return EditCost
}

// distance returns the distance of the text to the letters that were added.
func (d *editDistance) distance() int { return int(d.rows[d.n%3][len(d.text)]) }

// add adds a letter to the name. It returns the least distance that any longer name can have.
func (d *editDistance) add(c byte) (least int) {
	j := d.n
	before, last, row := &d.rows[(j+2)%3], &d.rows[j%3], &d.rows[(j+1)%3]
	row[0] = last[0] + costAt(j)
	lowest := row[0]
	for i, t := range d.text {
		cost := last[i]
		if c != t {
			edit := min(costAt(i), costAt(j))
			cost = min(last[i]+max(costAt(i), costAt(j)), last[i+1]+costAt(j), row[i]+costAt(i))
			if i > 0 && j > 0 && t == d.last && d.text[i-1] == c {
				cost = min(cost, before[i-1]+edit)
			}
		}
		row[i+1] = cost
		lowest = min(lowest, cost)
	}
	d.n++
	d.last = c
	return int(lowest)
}
