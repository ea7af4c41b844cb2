package cmdline

// Help begins with what the command does and how it is called, because that is what most readers
// came for. The examples of a command are its UsageText: urfave/cli v2 has no field for them, and these templates show
// that one nowhere else.
const (
	appHelp = `{{.Usage}}
{{if .Description}}
{{.Description}}
{{end}}{{if .UsageText}}
Examples:
{{.UsageText}}
{{end}}
Usage:
  {{.HelpName}}{{if .VisibleCommands}} COMMAND [flags]{{else}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}} [flags]{{end}}
{{if .VisibleCommands}}
Commands:{{range .VisibleCommands}}
  {{join .Names ", "}}{{"\t"}}{{.Usage}}{{end}}
{{end}}{{range .VisibleFlagCategories}}
{{if .Name}}{{.Name}}{{else}}Flags:{{end}}
{{range .Flags}}  {{.}}
{{end}}{{end}}{{if .VisibleCommands}}
Use "{{.HelpName}} COMMAND --help" for more information about a command.
{{end}}`

	commandHelp = `{{.Usage}}
{{if .Description}}
{{.Description}}
{{end}}{{if .UsageText}}
Examples:
{{.UsageText}}
{{end}}
Usage:
  {{.HelpName}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}} [flags]
{{range .VisibleFlagCategories}}
{{if .Name}}{{.Name}}{{else}}Flags:{{end}}
{{range .Flags}}  {{.}}
{{end}}{{end}}`
)
