// Package browse tests omg-browse as a user has it: the real program in a terminal in memory, with a real omgd. Each txtar script in testdata
// covers one topic. UPDATE=1 writes the screens in the scripts. Besides the commands of package harness, a script has these:
//
//	demo                    writes the system of package demo, and starts its omgd
//	omgd-kill               kills omgd
//	browse [80x24] ARG…     starts omg-browse on a terminal of a size, and waits until it shows something
//	shell [80x24]           starts bash on a terminal; $BROWSE is omg-browse with its flags
//	type TEXT…              types texts
//	key NAME…               presses keys, such as ctrl-y, alt-1, shift-down or pgdn
//	paste FILE              pastes the text of a file
//	resize 80x24            changes the size of the terminal
//	signal TERM             sends a signal to omg-browse
//	shows TEXT…             waits until the screen shows all texts
//	hides TEXT…             waits until the screen shows none of the texts
//	looks LOOK TEXT         waits until the first place of a text has a look, such as 'bold color 2'
//	cursor COLUMN LINE      waits until the cursor is there, from 0
//	screen FILE             waits until the screen is the text of a file
//	ends CODE [LINE…]       waits for the end, the exit code and the lines of standard output, and checks that the terminal is as before
package browse
