package selector_test

import (
	"errors"
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/selector"
)

func ExampleSelector_Matches() {
	s, err := selector.Parse(`topology.kubernetes.io/zone in {'a', 'b'} && !has(cordoned)`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Matches(map[string]string{"topology.kubernetes.io/zone": "a"}))
	fmt.Println(s.Matches(map[string]string{"topology.kubernetes.io/zone": "a", "cordoned": ""}))
	fmt.Println(s.Matches(nil))
	// Output:
	// true
	// false
	// false
}

func ExampleSelector_Matches_absent() {
	s, err := selector.Parse(`rack != 'r1'`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("no rack at all:", s.Matches(nil))
	// Output:
	// no rack at all: true
}

func ExampleSelector_String() {
	s, err := selector.Parse(`has(a)||zone notin{'y',"x",'y'}&&!(!b=='say "c"')`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s)
	// Output:
	// (has(a) || (zone not in {"x", "y"} && b == 'say "c"'))
}

func ExampleParse() {
	for _, text := range []string{"", "a == foo", "all() &&", "a inside {'b'}"} {
		s, err := selector.Parse(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(s)
	}
	// Output:
	// all()
	// column 6: expected a quoted string, found "foo"
	// column 9: expected a label, all(), has(), "!" or "(", found end of selector
	// column 3: expected ==, !=, in, not in, contains, starts with or ends with, found "inside"
}

func ExampleParse_global() {
	_, err := selector.Parse("has(a) && global()")
	fmt.Println(errors.Is(err, selector.ErrGlobal))
	fmt.Println(err)
	// Output:
	// true
	// column 11: global() is valid only in policies, not in IP pools
}

func ExampleSyntaxError() {
	_, err := selector.Parse("zone == 'Zürich' & has(gpu)")
	var fault *selector.SyntaxError
	if errors.As(err, &fault) {
		fmt.Println(fault.Selector)
		fmt.Printf("%*s\n", fault.Column(), "^")
		fmt.Println(fault.Msg)
	}
	// Output:
	// zone == 'Zürich' & has(gpu)
	//                  ^
	// expected "&&", "||" or the end of selector, found "&"
}
