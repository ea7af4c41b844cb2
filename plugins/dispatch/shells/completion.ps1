# Completes COMMANDS in PowerShell. "kubectl apolo" is completed by kubectl's own script.

Register-ArgumentCompleter -Native -CommandName ('COMMANDS' -split ' ') -ScriptBlock {
    param($current, $line, $cursor)

    $before = @($line.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursor } | ForEach-Object { $_.Extent.Text })
    if ($before.Count -eq 0) { return }
    $last = $current
    # Before 7.3, PowerShell drops an argument that is empty.
    if ($last -eq '' -and ($PSVersionTable.PSVersion -lt [version]'7.3' -or $PSNativeCommandArgumentPassing -eq 'Legacy')) { $last = '""' }
    $arguments = @('__complete') + @($before | Select-Object -Skip 1) + @($last)
    $out = @(& $before[0] $arguments 2>$null)
    if ($out.Count -lt 2) { return } # no candidates, so PowerShell offers files
    $space = if (([int]$out[-1].Substring(1)) -band 2) { '' } else { ' ' }

    $out[0..($out.Count - 2)] | ForEach-Object {
        $word, $description = $_ -split "`t", 2
        if (-not $description) { $description = $word }
        if ($current -match '^-[^=]*=') { $word = $Matches[0] + $word } # candidates for --flag=value are values
        if (-not $word.StartsWith($current)) { return }
        [System.Management.Automation.CompletionResult]::new($word + $space, $word, 'ParameterValue', $description)
    }
}
