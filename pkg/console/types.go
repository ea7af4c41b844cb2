package console

import "time"

// Problem is every error that the API answers with (RFC 9457).
type Problem struct {
	Title  string `json:"title" doc:"The kind of error, in a few words"`
	Status int    `json:"status" doc:"The HTTP status"`
	Detail string `json:"detail" doc:"One sentence for the user: what failed, and what to do"`
	Field  string `json:"field,omitempty" doc:"The input that is wrong, such as key or environment[0].name"`
}

// Session says who is logged in.
type Session struct {
	Authenticated bool   `json:"authenticated"`
	Mode          string `json:"mode" enum:"local,team" doc:"local: the user's own kubeconfig; team: each visitor's token"`
	User          string `json:"user" doc:"The name that the cluster has for the user; empty where it does not answer"`
	Version       string `json:"version"`
}

// Login is what one logs in with.
type Login struct {
	Token string `json:"token" maxLength:"65536" doc:"local: the token of the link; team: a Kubernetes bearer token"`
}

// LoggedIn is the answer to a Login.
type LoggedIn struct {
	Session
	// PageKey is known to the page alone. Cookies know no ports: a server on another port of the same
	// host is sent the cookie, but never the page's own storage.
	PageKey string `json:"pageKey" doc:"To be sent as the header Apolo-Page-Key, and as the second WebSocket subprotocol"`
}

// Contexts is where the user can work.
type Contexts struct {
	Clusters []Cluster `json:"clusters" nullable:"false"`
	Current  Place     `json:"current"`
}

// Cluster is one entry of the kubeconfig.
type Cluster struct {
	Name       string   `json:"name"`
	Namespaces []string `json:"namespaces" nullable:"false" doc:"Those that are known; any other may be typed"`
	Current    bool     `json:"current"`
}

// Place is a namespace of a cluster.
type Place struct {
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
}

// SecretList is the user's own secrets.
type SecretList struct {
	Items []Secret `json:"items" nullable:"false"`
	Notes []string `json:"notes" nullable:"false" doc:"What could not be seen, and why"`
}

// Secret is a key; its value is never sent.
type Secret struct {
	Key     string    `json:"key"`
	URI     string    `json:"uri" doc:"The complete URI"`
	Created time.Time `json:"created"`
	Shared  bool      `json:"shared" doc:"Whether anybody was granted access"`
	UsedBy  []string  `json:"usedBy" nullable:"false" doc:"What uses it, such as job/NAME or deployment/NAME; jobs and pods that have ended do not"`
	Deleted string    `json:"deleted,omitempty" doc:"Of one that was deleted and is still there: that it is, and what holds it"`
}

// NewSecret is a value to store.
type NewSecret struct {
	Key       string `json:"key" minLength:"1" maxLength:"253"`
	Value     string `json:"value" maxLength:"1398104" doc:"The bytes in base64, up to 1048576 of them"`
	Overwrite bool   `json:"overwrite,omitempty" doc:"Replace the value of a key that exists"`
}

// StoredSecret says what was stored.
type StoredSecret struct {
	Key     string `json:"key"`
	Bytes   int    `json:"bytes"`
	Created bool   `json:"created" doc:"Whether the key is new"`
}

// Grantee is who has access.
type Grantee struct {
	ID   string `json:"id" doc:"What grant and revoke take: bob, group:devs, sa:NAMESPACE:NAME"`
	Kind string `json:"kind" enum:"User,Group,ServiceAccount"`
	Name string `json:"name"`
}

// Grant is one row of who can use a secret.
type Grant struct {
	Grantee Grantee `json:"grantee"`
	Level   string  `json:"level" enum:"read,write,manage"`
	Warning string  `json:"warning,omitempty" doc:"Where the grantee is more than the name tells: everybody, nearly everybody, or a part of Kubernetes"`
	Ends
}

// GrantList is who can use a secret.
type GrantList struct {
	Items []Grant `json:"items" nullable:"false"`
}

// NewGrant shares a secret.
type NewGrant struct {
	Grantee string `json:"grantee" minLength:"1" maxLength:"1024" doc:"bob, group:devs or sa:NAMESPACE:NAME"`
	Level   string `json:"level,omitempty" enum:"read,write,manage" default:"read"`
}

// AccessList is what is shared with the user, and by the user.
type AccessList struct {
	WithMe []Access     `json:"withMe" nullable:"false"`
	ByMe   []SharedByMe `json:"byMe" nullable:"false"`
	Notes  []string     `json:"notes" nullable:"false" doc:"What could not be seen, and why"`
}

// Access is a secret, or all secrets of a namespace, that the user may use.
type Access struct {
	URI       string `json:"uri" doc:"Of a secret, or secret://CLUSTER/NAMESPACE for all of a namespace"`
	Namespace string `json:"namespace"`
	Key       string `json:"key" doc:"Empty for all of a namespace"`
	Level     string `json:"level" enum:"read,write,manage"`
	Ends
}

// Ends is when access ends.
type Ends struct {
	Ends    string `json:"ends,omitempty" doc:"RFC 3339; empty where it does not end, or where the end is not known"`
	Problem string `json:"endsProblem,omitempty" doc:"What is wrong with what ends it; empty where nothing is"`
}

// SharedByMe is one grant of a secret of the user's.
type SharedByMe struct {
	URI     string  `json:"uri"`
	Key     string  `json:"key"`
	Grantee Grantee `json:"grantee"`
	Level   string  `json:"level" enum:"read,write,manage"`
	Stale   bool    `json:"stale" doc:"Its Role is gone; it gives nothing"`
	Ends
}

// UsableSecretList is what a job may use.
type UsableSecretList struct {
	Items []UsableSecret `json:"items" nullable:"false"`
	Notes []string       `json:"notes" nullable:"false" doc:"What could not be seen, and why"`
}

// UsableSecret is a secret that a job of the user may use.
type UsableSecret struct {
	URI   string `json:"uri" doc:"What a job takes"`
	Key   string `json:"key"`
	Mine  bool   `json:"mine"`
	Owner string `json:"owner" doc:"The namespace that it is of"`
}

// PresetList is the resource presets of a namespace.
type PresetList struct {
	Items []Preset `json:"items" nullable:"false"`
	Notes []string `json:"notes" nullable:"false" doc:"What of the ConfigMap apolo-presets can't be used, and why"`
}

// Preset is a named set of resources.
type Preset struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	CPU         string `json:"cpu" doc:"In Kubernetes' units; empty for no limit"`
	Memory      string `json:"memory"`
	GPU         int64  `json:"gpu" doc:"How many"`
}

// ActionList is the cards of the dashboard.
type ActionList struct {
	Items []Action `json:"items" nullable:"false"`
	Notes []string `json:"notes" nullable:"false" doc:"What of the ConfigMap apolo-actions could not be read, and why"`
}

// Action is one card.
type Action struct {
	Name        string   `json:"name"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Image       string   `json:"image" doc:"Empty if the user enters one"`
	Command     []string `json:"command" nullable:"false"`
	Preset      string   `json:"preset"`
	Terminal    bool     `json:"terminal" doc:"Whether a terminal is opened right after RUN"`
}

// NewJob is a job to run.
type NewJob struct {
	Name        string        `json:"name,omitempty" maxLength:"63" doc:"Leave empty to generate one"`
	Preset      string        `json:"preset,omitempty" maxLength:"253"`
	Image       string        `json:"image" minLength:"1" maxLength:"1024"`
	Command     []string      `json:"command,omitempty" nullable:"false" maxItems:"1024" doc:"The command and its arguments, as after -- on the command line"`
	Terminal    bool          `json:"terminal,omitempty" doc:"With standard input and a terminal, to attach to"`
	Environment []NewVariable `json:"environment,omitempty" nullable:"false" maxItems:"256"`
	Files       []NewFile     `json:"files,omitempty" nullable:"false" maxItems:"256"`
	Volumes     []NewVolume   `json:"volumes,omitempty" nullable:"false" maxItems:"64"`
	DryRun      bool          `json:"dryRun,omitempty" doc:"Run nothing: for runCommand, and for errors at their fields, as far as they can be known without asking the cluster"`
}

// NewVariable is an environment variable: of a secret, or with a value.
type NewVariable struct {
	Name   string `json:"name" maxLength:"1024"`
	Secret string `json:"secret,omitempty" maxLength:"1024" doc:"The URI of a secret"`
	Value  string `json:"value,omitempty" maxLength:"131072"`
}

// NewFile is a secret as a file.
type NewFile struct {
	Path   string `json:"path" maxLength:"4096"`
	Secret string `json:"secret" maxLength:"1024" doc:"The URI of a secret"`
	Mode   string `json:"mode,omitempty" maxLength:"4" doc:"Permissions in octal digits, such as 0400; without it everybody in the container can read the file"`
}

// NewVolume is a volume.
type NewVolume struct {
	Kind     string `json:"kind" enum:"disk,storage"`
	Source   string `json:"source" maxLength:"4096" doc:"disk: the name of a PersistentVolumeClaim; storage: a path in the namespace's storage"`
	Path     string `json:"path" maxLength:"4096"`
	ReadOnly bool   `json:"readOnly,omitempty"`
}

// CreatedJob is the answer to a NewJob.
type CreatedJob struct {
	Name       string `json:"name"`
	UID        string `json:"uid" doc:"Empty after a dry run"`
	RunCommand string `json:"runCommand" doc:"The same as a line for the shell; it names secrets and holds no value of one"`
	// Notes are what the visitor should know.
	Notes []string `json:"notes" nullable:"false"`
}

// JobList is the jobs of a namespace, the newest first.
type JobList struct {
	Items []Job `json:"items" nullable:"false"`
}

// Job is one row of the list.
type Job struct {
	Name     string     `json:"name"`
	UID      string     `json:"uid"`
	Status   string     `json:"status" enum:"pending,suspended,running,succeeded,failed,cancelled" doc:"cancelled: it is being deleted"`
	Reason   string     `json:"reason" doc:"Kubernetes' word for why, such as ImagePullBackOff; empty where nothing is to be said"`
	Message  string     `json:"message" doc:"The same in a sentence"`
	Created  time.Time  `json:"created"`
	Started  *time.Time `json:"started,omitempty"`
	Finished *time.Time `json:"finished,omitempty"`
	Image    string     `json:"image"`
	Command  []string   `json:"command" nullable:"false"`
	ExitCode *int       `json:"exitCode,omitempty" doc:"Of the command, once it has ended"`
	Tags     []string   `json:"tags" nullable:"false"`
	Terminal bool       `json:"terminal" doc:"Whether it was run with a terminal to attach to"`
}

// LeftoverList is what is left of jobs that are gone: whoever deletes a Job can leave what it had.
type LeftoverList struct {
	Items []Leftover `json:"items" nullable:"false"`
}

// Leftover is what is left of one job.
type Leftover struct {
	Job     string   `json:"job"`
	Objects []string `json:"objects" nullable:"false" doc:"In words, such as pod train-x7k2p"`
}

// JobDetails is a job's page.
type JobDetails struct {
	Job
	Description string     `json:"description"`
	Preset      string     `json:"preset"`
	Secrets     []string   `json:"secrets" nullable:"false" doc:"The URIs of the secrets that it uses"`
	Environment []Variable `json:"environment" nullable:"false"`
	Files       []File     `json:"files" nullable:"false"`
	Volumes     []Volume   `json:"volumes" nullable:"false"`
	Node        string     `json:"node"`
	Pods        []Pod      `json:"pods" nullable:"false" doc:"One an attempt, in order"`
	Events      []Event    `json:"events" nullable:"false" doc:"The latest last, up to 100"`
	Notes       []string   `json:"notes" nullable:"false" doc:"What could not be read, and why"`
	RunCommand  string     `json:"runCommand" doc:"A line that makes the same job; empty where no line can"`
}

// Variable is an environment variable of a job.
type Variable struct {
	Name   string `json:"name"`
	Value  string `json:"value,omitempty" doc:"Of one that is not a secret"`
	Secret string `json:"secret,omitempty" doc:"The URI of a secret"`
}

// File is a secret that a job has as a file.
type File struct {
	Path   string `json:"path"`
	Secret string `json:"secret" doc:"The URI of a secret"`
	Mode   string `json:"mode,omitempty" doc:"Permissions in octal digits, where they are not the usual ones"`
}

// Volume is a volume of a job.
type Volume struct {
	Kind     string `json:"kind" enum:"disk,storage"`
	Source   string `json:"source"`
	Path     string `json:"path"`
	ReadOnly bool   `json:"readOnly"`
}

// Pod is one attempt of a job.
type Pod struct {
	Name    string     `json:"name"`
	Phase   string     `json:"phase"`
	Node    string     `json:"node"`
	Started *time.Time `json:"started,omitempty"`
	// Containers are what something in the cluster has added to the pod.
	Containers []Container `json:"containers" nullable:"false" doc:"Those besides the job's own"`
}

// Container is a sidecar or an init container.
type Container struct {
	Name  string `json:"name"`
	Init  bool   `json:"init" doc:"It runs before the others, and ends; all others are sidecars"`
	State string `json:"state" doc:"In words"`
}

// Event is what the cluster did for a job.
type Event struct {
	Time    time.Time `json:"time"`
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Warning bool      `json:"warning"`
	Count   int32     `json:"count"`
}

// JobsFrame is a message of the WebSocket jobs/events. A "list", with all Items, comes first and
// after every interruption.
type JobsFrame struct {
	Type  string `json:"type" enum:"list,set,delete,trouble"`
	Items []Job  `json:"items,omitzero" nullable:"false" required:"false" doc:"Of list"`
	Job   *Job   `json:"job,omitempty" doc:"Of set"`
	Name  string `json:"name,omitempty" doc:"Of delete"`
	UID   string `json:"uid,omitempty" doc:"Of delete"`
	Error string `json:"error,omitempty" doc:"Of trouble: why nothing is known at the moment; it goes on by itself, and a list follows then"`
}

// LogFrame is a message of the WebSocket jobs/{name}/log; one of its fields is set.
type LogFrame struct {
	Data   string    `json:"data,omitempty" doc:"A part of the log, with secrets masked"`
	State  *JobState `json:"state,omitempty"`
	Notice string    `json:"notice,omitempty" doc:"Something about the log that is not of the job, such as that lines are missing"`
	Error  string    `json:"error,omitempty" doc:"Why there will be no more"`
	End    bool      `json:"end,omitempty" doc:"The log is complete"`
}

// JobState is how far a job is.
type JobState struct {
	Phase    string `json:"phase" enum:"pending,pulling,running,suspended,finishing,restarting,succeeded,failed,stuck" doc:"suspended: a queue or a person has told it to wait; finishing: its command has ended, and other containers of its pod run on; stuck: it will never start"`
	Reason   string `json:"reason"`
	Message  string `json:"message"`
	Attempt  int    `json:"attempt" doc:"Which pod of the job it is, from 1; 0 before there is one"`
	ExitCode *int   `json:"exitCode,omitempty"`
}

// TerminalInput is a text message to the WebSocket jobs/{name}/terminal; what is typed goes in binary
// messages.
type TerminalInput struct {
	Resize *TerminalSize `json:"resize,omitempty"`
}

// TerminalSize is in characters.
type TerminalSize struct {
	Cols uint16 `json:"cols"`
	Rows uint16 `json:"rows"`
}

// TerminalOutput is a text message from it; what the job writes comes in binary messages.
type TerminalOutput struct {
	State  *JobState     `json:"state,omitempty" doc:"Of a job that has a terminal, before and while one is attached"`
	Notice string        `json:"notice,omitempty" doc:"Something about the connection"`
	Exit   *TerminalExit `json:"exit,omitempty"`
	Error  string        `json:"error,omitempty"`
}

// TerminalExit is how a terminal ended.
type TerminalExit struct {
	Code int `json:"code"`
}
