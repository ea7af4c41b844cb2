package jobspec

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// ParseNodeLabel reads KEY=VALUE, a label that a node must have. VALUE may be empty.
func ParseNodeLabel(s string) (key, value string, err error) {
	key, value, ok := strings.Cut(s, "=")
	if !ok {
		return "", "", fmt.Errorf("node selector %q must be KEY=VALUE", s)
	}
	return key, value, checkNodeLabel(key, value)
}

func checkNodeLabel(key, value string) error {
	if len(validation.IsQualifiedName(key)) > 0 {
		return fmt.Errorf("node selector %q: %q can't be the key of a label", key+"="+value, key)
	}
	if len(validation.IsValidLabelValue(value)) > 0 {
		return fmt.Errorf("node selector %q: %q can't be the value of a label", key+"="+value, value)
	}
	return nil
}

// ParseToleration reads KEY[=VALUE][:EFFECT], a taint of nodes that a job may run on nevertheless.
// Without VALUE any value is tolerated, without EFFECT any effect.
func ParseToleration(s string) (corev1.Toleration, error) {
	rest, effect, hasEffect := strings.Cut(s, ":")
	key, value, hasValue := strings.Cut(rest, "=")
	toleration := corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffect(effect)}
	if hasValue {
		toleration.Operator, toleration.Value = corev1.TolerationOpEqual, value
	}
	if hasEffect && effect == "" {
		return corev1.Toleration{}, fmt.Errorf("toleration %q has no effect after ':'", s)
	}
	if err := checkToleration(toleration); err != nil {
		return corev1.Toleration{}, err
	}
	return toleration, nil
}

// FormatToleration writes what ParseToleration reads. It returns an error for a toleration that has no
// such form.
func FormatToleration(t corev1.Toleration) (string, error) {
	if err := checkToleration(t); err != nil {
		return "", err
	}
	text := t.Key
	if t.Operator == corev1.TolerationOpEqual {
		text += "=" + t.Value
	}
	if t.Effect != "" {
		text += ":" + string(t.Effect)
	}
	return text, nil
}

func checkToleration(t corev1.Toleration) error {
	if len(validation.IsQualifiedName(t.Key)) > 0 {
		return fmt.Errorf("toleration: %q can't be the key of a taint; write KEY[=VALUE][:EFFECT]", t.Key)
	}
	if len(validation.IsValidLabelValue(t.Value)) > 0 {
		return fmt.Errorf("toleration of %s: %q can't be the value of a taint", t.Key, t.Value)
	}
	switch t.Effect {
	case "", corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute:
	default:
		return fmt.Errorf("toleration of %s: invalid effect %q: must be one of %s, %s, %s", t.Key, t.Effect,
			corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute)
	}
	switch t.Operator {
	case corev1.TolerationOpEqual, corev1.TolerationOpExists:
	default:
		return fmt.Errorf("toleration of %s: the operator %q has no short form", t.Key, t.Operator)
	}
	if t.TolerationSeconds != nil {
		return errors.New("toleration of " + t.Key + ": a number of seconds has no short form")
	}
	return nil
}
