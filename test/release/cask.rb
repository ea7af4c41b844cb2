# Runs a Homebrew cask as brew does on one kind of machine, and prints what it would fetch, that file's sum, and the
# names under which it would link each program. usage: cask.rb CASK macos|linux intel|arm
file, os, cpu = ARGV

Cask = Struct.new(:machine, :facts, :binaries) do
  def version(number = nil) = number ? facts[:version] = number : facts[:version]
  def sha256(sum) = facts[:sha256] = sum
  def url(address, **) = facts[:url] = address
  def binary(name, target: name) = binaries.push("#{target} #{name}")
  %i[macos linux intel arm].each { |kind| define_method("on_#{kind}") { |&block| instance_eval(&block) if machine.include?(kind) } }
  %i[name desc homepage livecheck caveats generate_completions_from_executable manpage postflight zap].each { |fact| define_method(fact) { |*, **| nil } }
end

define_method(:cask) do |_name, &block|
  cask = Cask.new([os.to_sym, cpu.to_sym], {}, [])
  cask.instance_eval(&block)
  puts cask.facts.fetch(:url), cask.facts.fetch(:sha256), cask.binaries
end
load file
