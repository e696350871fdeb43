# Before a prompt, this code stores omg-probe's output in OMG_PROMPT.
set -g __omg_probe_command @COMMAND@
set -g __omg_probe_files @FILES@
set -g __omg_probe_key

function __omg_probe --on-event fish_prompt
    set -l key $PWD
    for file in $__omg_probe_files
        test -f $file -a -r $file
        and set -a key (string escape <$file)
    end
    if test "$key" != "$__omg_probe_key"
        set -g __omg_probe_key $key
        set -g OMG_PROMPT ($__omg_probe_command 2>/dev/null </dev/null)
    end
end

# A command may have changed what omg-probe prints.
function __omg_probe_ran --on-event fish_preexec
    set -g __omg_probe_key
end

function __omg_probe_ended
    return $argv[1]
end

# A prompt that already contains the variable is not changed.
if functions -q fish_prompt; and not functions fish_prompt | string match -q '*OMG_PROMPT*'
    functions -e __omg_probe_prompt
    functions -c fish_prompt __omg_probe_prompt
    function fish_prompt
        set -l ended $status $pipestatus
        test -n "$OMG_PROMPT"
        and printf '%s ' "$OMG_PROMPT"
        # Restore $status and $pipestatus of the user's command for the prompt.
        switch (count $ended)
            case 3
                __omg_probe_ended $ended[2] | __omg_probe_ended $ended[3]
            case 4
                __omg_probe_ended $ended[2] | __omg_probe_ended $ended[3] | __omg_probe_ended $ended[4]
            case 5
                __omg_probe_ended $ended[2] | __omg_probe_ended $ended[3] | __omg_probe_ended $ended[4] | __omg_probe_ended $ended[5]
            case 6
                __omg_probe_ended $ended[2] | __omg_probe_ended $ended[3] | __omg_probe_ended $ended[4] | __omg_probe_ended $ended[5] | __omg_probe_ended $ended[6]
            case '*'
                __omg_probe_ended $ended[1]
        end
        __omg_probe_prompt
    end
end
