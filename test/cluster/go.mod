module github.com/neuro-inc/kubectl-apolo/test/cluster

go 1.26.0
