package run

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/objects"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/output"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/suggest"
)

// unknownPreset adds a guess to the error of a preset that does not exist.
func unknownPreset(err error) error {
	var unknown *jobspec.UnknownPresetError
	if !errors.As(err, &unknown) {
		return err
	}
	if near := suggest.Command(unknown.Name, unknown.Names); near != "" {
		return cmdline.Usagef("preset %q does not exist, did you mean %q? there are: %s", unknown.Name, near, strings.Join(unknown.Names, ", "))
	}
	return cmdline.Usagef("%s", err)
}

// printPresets shows the presets of the namespace, and then says what is wrong with others.
func (o *options) printPresets(ctx context.Context, api *jobs.Client) error {
	presets, err := api.Presets(ctx)
	if err != nil {
		return err
	}
	switch {
	case o.output.IsObject():
		err = o.output.Print(o.Out, presetList(presets))
	case o.output.Name == "name" || o.Quiet:
		var names []string
		for _, preset := range presets.All {
			names = append(names, preset.Name)
		}
		err = o.Lines(names...)
	default:
		err = o.presetTable(presets)
	}
	problems := []error{err}
	for _, name := range slices.Sorted(maps.Keys(presets.Faulty)) {
		problems = append(problems, presets.Faulty[name])
	}
	return errors.Join(problems...)
}

func (o *options) presetTable(presets jobspec.Presets) error {
	var rows [][]string
	for _, preset := range presets.All {
		gpus, nodes := "", placement(preset)
		if preset.GPU != nil && *preset.GPU > 0 {
			gpus = strconv.FormatInt(*preset.GPU, 10)
			if preset.GPUResource != "" {
				gpus += " " + preset.GPUResource
			}
		}
		cells := []string{preset.Name, "", "", gpus, nodes, preset.Description}
		if !preset.CPU.IsZero() {
			cells[1] = preset.CPU.String()
		}
		if !preset.Memory.IsZero() {
			cells[2] = preset.Memory.String()
		}
		rows = append(rows, cells)
	}
	return output.Table(o.Out, []string{"PRESET", "CPU", "MEMORY", "GPU", "NODES", "DESCRIPTION"}, rows)
}

// placement is where a preset's jobs run, in the words of the flags.
func placement(preset jobspec.Preset) string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(preset.NodeSelector)) {
		words = append(words, key+"="+preset.NodeSelector[key])
	}
	for _, toleration := range tolerations(preset) {
		words = append(words, "tolerates "+toleration)
	}
	return strings.Join(words, ", ")
}

func tolerations(preset jobspec.Preset) []string {
	var texts []string
	for _, toleration := range preset.Tolerations {
		if text, err := jobspec.FormatToleration(toleration); err == nil {
			texts = append(texts, text)
		}
	}
	return texts
}

// presetList has each preset in the words of the ConfigMap.
func presetList(presets jobspec.Presets) *objects.PresetList {
	// What a preset leaves open is missing; quantities say it as 0.
	set := func(text string) string {
		if text == "0" {
			return ""
		}
		return text
	}
	list := &objects.PresetList{TypeMeta: objects.Kind("PresetList"), Items: []objects.Preset{}, Source: presets.Source}
	for _, preset := range presets.All {
		list.Items = append(list.Items, objects.Preset{
			Name:         preset.Name,
			Description:  preset.Description,
			CPU:          set(preset.CPU.String()),
			Memory:       set(preset.Memory.String()),
			GPU:          preset.GPU,
			GPUResource:  preset.GPUResource,
			Priority:     preset.Priority,
			Security:     string(preset.Security.Level),
			RunAsUser:    preset.Security.RunAsUser,
			NodeSelector: preset.NodeSelector,
			Tolerations:  tolerations(preset),
		})
	}
	return list
}
