package objects

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
)

// documented are the kinds that docs/output.md must tell of.
func documented() map[string]any {
	return map[string]any{
		"SecretKey": &SecretKey{}, "SecretKeyList": &SecretKeyList{}, "SecretDescription": &SecretDescription{}, "SecretImport": &SecretImport{}, "SecretImportList": &SecretImportList{},
		"Access": &Access{}, "AccessList": &AccessList{},
		"Job": &Job{}, "JobList": &JobList{}, "Preset": &Preset{}, "PresetList": &PresetList{},
		"DoctorCheck": &DoctorCheck{}, "DoctorReport": &DoctorReport{},
	}
}

// TestFieldsAreDocumented compares the tables of docs/output.md with the types, in both directions.
func TestFieldsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\| ([a-z ]+) \\| .+ \\|$")
	told := map[string]map[string]string{}
	for _, section := range strings.Split(string(page), "\n## ")[1:] {
		heading, body, _ := strings.Cut(section, "\n")
		name := regexp.MustCompile("^`([A-Za-z]+)`").FindStringSubmatch(heading)
		if name == nil {
			continue
		}
		told[name[1]] = map[string]string{}
		for _, match := range row.FindAllStringSubmatch(body, -1) {
			told[name[1]][match[1]] = match[2]
		}
	}
	for kind, object := range documented() {
		fields := map[string]string{}
		describe(reflect.TypeOf(object).Elem(), fields)
		if !reflect.DeepEqual(told[kind], fields) {
			t.Errorf("docs/output.md says of %s\n%v, and it is\n%v", kind, told[kind], fields)
		}
		delete(told, kind)
	}
	for kind := range told {
		t.Errorf("docs/output.md tells of the kind %s, which does not exist", kind)
	}
}

// describe collects the fields of a type with the words that the page has for their types.
func describe(of reflect.Type, fields map[string]string) {
	for i := range of.NumField() {
		field := of.Field(i)
		if field.Anonymous {
			continue // the page tells of apiVersion and kind once
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		word := map[reflect.Kind]string{
			reflect.String: "string", reflect.Bool: "boolean", reflect.Pointer: "number", reflect.Slice: "list", reflect.Map: "object",
		}[field.Type.Kind()]
		if strings.Contains(options, "omitempty") {
			word += " or missing"
		}
		fields[name] = word
	}
}

// TestKindsAreUnstructured holds because the printers take nothing else.
func TestKindsAreUnstructured(t *testing.T) {
	code := int64(3)
	got, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&JobList{TypeMeta: Kind("JobList"), Items: []Job{{Name: "a", ExitCode: &code, Tags: []string{}}}})
	if err != nil {
		t.Fatal(err)
	}
	if got["kind"] != "JobList" || got["apiVersion"] != APIVersion {
		t.Errorf("no type at the top: %v", got)
	}
	item := got["items"].([]any)[0].(map[string]any)
	if _, ok := item["kind"]; ok || item["exitCode"] != int64(3) || len(item["tags"].([]any)) != 0 {
		t.Errorf("item is %v", item)
	}
}
