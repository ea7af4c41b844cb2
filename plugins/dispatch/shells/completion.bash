# Completes COMMANDS in bash. "kubectl apolo" is completed by kubectl's own script.

__apolo_complete() {
  local line=${COMP_LINE:0:COMP_POINT} words=() trimmed word current breaks before='' out directive i

  # bash takes words apart at = and :. They are put together again where nothing stands between them.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    trimmed=${line#"${line%%[![:space:]]*}"}
    word=${COMP_WORDS[i]}
    ((i < COMP_CWORD)) || word=$trimmed # up to the cursor
    if ((i == 0)) || [[ $trimmed != "$line" ]]; then
      words+=("$word")
    else
      words[${#words[@]}-1]+=$word
    fi
    line=${trimmed#"$word"}
  done
  current=${words[${#words[@]}-1]}

  out=$("${words[0]/#\~/$HOME}" __complete "${words[@]:1}" 2>/dev/null)
  directive=${out##*:}
  [[ $directive == [0-9]* ]] || return
  ((directive & 2)) && compopt -o nospace 2>/dev/null
  ((directive & 4)) && compopt +o default 2>/dev/null

  # Candidates for --flag=value are values. What one replaces begins after the last = or :.
  [[ $current != -*=* ]] || current=${current#*=}
  breaks=${COMP_WORDBREAKS//[!:=]/}
  [[ -z $breaks ]] || before=${current%"${current##*["$breaks"]}"}
  COMPREPLY=()
  while IFS=$'\t' read -r word _; do
    [[ -n $word && $word == "$current"* ]] && COMPREPLY+=("${word#"$before"}")
  done <<<"${out%:*}"
}

complete -o default -F __apolo_complete COMMANDS
