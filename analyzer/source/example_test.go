package source_test

import (
	"context"
	"fmt"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/source"
)

func ExampleFile() {
	f, err := source.NewFile(source.FileConfig{Paths: []string{"testdata/gcloud.json"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = f.Run(context.Background(), func(_ context.Context, group []analyzer.Message) error {
		for _, m := range group {
			fmt.Println(m.Where, len(m.Data), "bytes")
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// testdata/gcloud.json:2 349 bytes
	// testdata/gcloud.json:15 234 bytes
	// <nil>
}
