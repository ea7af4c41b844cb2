#compdef COMMANDS
# Completes COMMANDS in zsh. "kubectl apolo" is completed by kubectl's own script.

_apolo() {
  local program=${${(Q)words[1]}/#\~\//$HOME/} out line word
  local -a before candidates how

  before=("${(@Q)words[2,CURRENT-1]}")
  out=$("$program" __complete "${(@)before}" "${(Q)PREFIX}" 2>/dev/null)
  local directive=${out##*:} typed=${(Q)PREFIX}
  [[ $directive == [0-9]* ]] || return 1

  # Candidates for --flag=value are values.
  if [[ $typed == -*=* ]]; then
    typed=${typed#*=}
    compset -P 1 '*='
  fi
  for line in "${(@f)${out%:*}}"; do
    word=${line%%$'\t'*}
    [[ -n $word && $word == "$typed"* ]] || continue
    candidates+=("${word//:/\\:}${${line#$word}/$'\t'/:}")
  done
  if (( $#candidates )); then
    (( directive & 2 )) && how=(-S '')
    _describe 'value' candidates "${how[@]}"
  elif (( ! (directive & 4) )); then
    _files
  fi
}

if [[ $funcstack[1] == _apolo ]]; then
  _apolo "$@" # found by its name in fpath
else
  compdef _apolo COMMANDS
fi
