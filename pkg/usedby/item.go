package usedby

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// item is what matters of an object, whichever of kinds it is.
type item struct {
	Metadata struct {
		Name              string       `json:"name"`
		Namespace         string       `json:"namespace"`
		DeletionTimestamp *metav1.Time `json:"deletionTimestamp"`
		OwnerReferences   []struct {
			Kind       string `json:"kind"`
			Name       string `json:"name"`
			Controller bool   `json:"controller"`
		} `json:"ownerReferences"`
	} `json:"metadata"`
	Spec struct {
		podSpec              // of a pod
		Template    template `json:"template"` // of what makes pods
		JobTemplate struct { // of a CronJob
			Spec struct {
				Template template `json:"template"`
			} `json:"spec"`
		} `json:"jobTemplate"`
		Replicas *int `json:"replicas"` // of a ReplicaSet
		TLS      []struct {
			SecretName string `json:"secretName"`
		} `json:"tls"` // of an Ingress
	} `json:"spec"`
	Status struct {
		Phase      string `json:"phase"`
		Ready      int    `json:"ready"`
		Replicas   int    `json:"replicas"`
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
	} `json:"status"`
	Secrets          []reference `json:"secrets"`          // of a ServiceAccount
	ImagePullSecrets []reference `json:"imagePullSecrets"` // of a ServiceAccount
}

type reference struct {
	Name string `json:"name"`
}

type template struct {
	Spec podSpec `json:"spec"`
}

type podSpec struct {
	Containers          []container `json:"containers"`
	InitContainers      []container `json:"initContainers"`
	EphemeralContainers []container `json:"ephemeralContainers"`
	Volumes             []volume    `json:"volumes"`
	ImagePullSecrets    []reference `json:"imagePullSecrets"`
}

type container struct {
	Env []struct {
		ValueFrom struct {
			SecretKeyRef reference `json:"secretKeyRef"`
		} `json:"valueFrom"`
	} `json:"env"`
	EnvFrom []struct {
		SecretRef reference `json:"secretRef"`
	} `json:"envFrom"`
}

type named struct {
	SecretName string `json:"secretName"`
}

type referring struct {
	SecretRef reference `json:"secretRef"`
}

// volume has the fields of k8s.io/api/core/v1, VolumeSource, that name a Secret.
type volume struct {
	Secret    named `json:"secret"`
	AzureFile named `json:"azureFile"`
	Projected struct {
		Sources []struct {
			Secret reference `json:"secret"`
		} `json:"sources"`
	} `json:"projected"`
	CSI struct {
		NodePublishSecretRef reference `json:"nodePublishSecretRef"`
	} `json:"csi"`
	CephFS     referring `json:"cephfs"`
	FlexVolume referring `json:"flexVolume"`
	ISCSI      referring `json:"iscsi"`
	RBD        referring `json:"rbd"`
	ScaleIO    referring `json:"scaleIO"`
	StorageOS  referring `json:"storageos"`
	Cinder     referring `json:"cinder"`
}

// secrets are the names of the Secrets that an object uses, each once.
func (i *item) secrets() []string {
	var names []string
	for _, spec := range []*podSpec{&i.Spec.podSpec, &i.Spec.Template.Spec, &i.Spec.JobTemplate.Spec.Template.Spec} {
		names = append(names, spec.secrets()...)
	}
	for _, tls := range i.Spec.TLS {
		names = append(names, tls.SecretName)
	}
	for _, reference := range slices.Concat(i.Secrets, i.ImagePullSecrets) {
		names = append(names, reference.Name)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	slices.Sort(names)
	return slices.Compact(names)
}

func (s *podSpec) secrets() []string {
	var names []string
	for _, container := range slices.Concat(s.Containers, s.InitContainers, s.EphemeralContainers) {
		for _, variable := range container.Env {
			names = append(names, variable.ValueFrom.SecretKeyRef.Name)
		}
		for _, from := range container.EnvFrom {
			names = append(names, from.SecretRef.Name)
		}
	}
	for _, v := range s.Volumes {
		names = append(names, v.Secret.SecretName, v.AzureFile.SecretName, v.CSI.NodePublishSecretRef.Name, v.CephFS.SecretRef.Name,
			v.FlexVolume.SecretRef.Name, v.ISCSI.SecretRef.Name, v.RBD.SecretRef.Name, v.ScaleIO.SecretRef.Name, v.StorageOS.SecretRef.Name,
			v.Cinder.SecretRef.Name)
		for _, source := range v.Projected.Sources {
			names = append(names, source.Secret.Name)
		}
	}
	for _, reference := range s.ImagePullSecrets {
		names = append(names, reference.Name)
	}
	return names
}

// owner is what has made the object.
func (i *item) owner() owner {
	for _, reference := range i.Metadata.OwnerReferences {
		if reference.Controller {
			return owner{i.Metadata.Namespace, strings.ToLower(reference.Kind), reference.Name}
		}
	}
	return owner{namespace: i.Metadata.Namespace}
}

// ended reports whether an object uses its secrets no more. The first two conditions of a Job stand there a moment
// before the other two (https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-termination-and-cleanup).
func (i *item) ended(word string) bool {
	switch word {
	case "pod":
		if i.Status.Phase == "Succeeded" || i.Status.Phase == "Failed" {
			return true
		}
	case "job":
		for _, condition := range i.Status.Conditions {
			switch condition.Type {
			case "SuccessCriteriaMet", "FailureTarget", "Complete", "Failed":
				if condition.Status == string(metav1.ConditionTrue) {
					return true
				}
			}
		}
	case "replicaset":
		// A Deployment keeps those of its earlier versions.
		if i.owner().kind != "" && i.Spec.Replicas != nil && *i.Spec.Replicas == 0 && i.Status.Replicas == 0 {
			return true
		}
	}
	return i.Metadata.DeletionTimestamp != nil
}

func (i *item) state(word string) string {
	switch {
	case word == "job" && i.Status.Ready > 0, word == "pod" && i.Status.Phase == "Running":
		return "running"
	case word == "job", word == "pod":
		return "pending"
	}
	return ""
}
