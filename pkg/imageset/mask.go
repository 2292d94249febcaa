package imageset

import (
	"reflect"

	"drayage/internal/strictyaml"
)

// decode reads a document into c. strictyaml asks its list of unsupported fields
// only about those that it finds no place for. So it is given a struct like
// Config without the fields that are in the table.
func (t table) decode(file string, data []byte, c *Config) *strictyaml.Document {
	masked := reflect.New(t.mask(reflect.TypeFor[Config](), ""))
	doc := strictyaml.Decode(file, data, masked.Interface(), t.fields())
	fill(reflect.ValueOf(c).Elem(), masked.Elem())
	return doc
}

// mask is a type like the given one without the fields that are in the table. The
// pattern is that of the value: mirror.operators[], say.
func (t table) mask(typ reflect.Type, pattern string) reflect.Type {
	switch typ.Kind() {
	case reflect.Slice:
		return reflect.SliceOf(t.mask(typ.Elem(), pattern+"[]"))
	case reflect.Struct:
		var fields []reflect.StructField
		for i := range typ.NumField() {
			f := typ.Field(i)
			at := f.Tag.Get("yaml")
			if pattern != "" {
				at = pattern + "." + at
			}
			if _, refused := t[at]; !refused {
				fields = append(fields, reflect.StructField{Name: f.Name, Type: t.mask(f.Type, at), Tag: f.Tag})
			}
		}
		return reflect.StructOf(fields)
	}
	return typ
}

// fill sets of a value what a value of its masked type has.
func fill(v, masked reflect.Value) {
	switch masked.Kind() {
	case reflect.Struct:
		for i := range masked.NumField() {
			fill(v.FieldByName(masked.Type().Field(i).Name), masked.Field(i))
		}
	case reflect.Slice:
		if masked.IsNil() {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), masked.Len(), masked.Len()))
		for i := range masked.Len() {
			fill(v.Index(i), masked.Index(i))
		}
	default:
		v.Set(masked)
	}
}
