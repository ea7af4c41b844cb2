# Completes COMMANDS in fish. "kubectl apolo" is completed by kubectl's own script.

function __apolo_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    set -l out (command $program __complete $words "$current" 2>/dev/null)
    set -q out[1]; or return
    set -l directive $out[-1]
    set -e out[-1]

    # Candidates for --flag=value are values.
    set -l parts (string match -r -- '^(-[^=]*=)(.*)$' "$current"); or set parts '' '' "$current"
    if not set -q out[1]; and contains -- $directive :0 :2
        set out (__fish_complete_path $parts[3])
    end
    for candidate in $out
        printf '%s\n' $parts[2]$candidate
    end
end

for name in COMMANDS
    complete -c $name -f -a '(__apolo_complete)'
end
